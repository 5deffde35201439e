"""Credits: opened once, spent at most once, never negative, every one explained."""

import asyncio
from typing import Any

from resource_api import credits

from .callers import ANA, BRUNO, another, code, headers


async def ledger(gallery: Any, sub: str) -> list[dict[str, Any]]:
    """The whole ledger, newest first."""
    entries: list[dict[str, Any]] = []
    params: dict[str, str] = {"limit": "7"}
    while True:
        response = await gallery.client.get("/credits/ledger", headers=headers(gallery, sub), params=params)
        assert response.status_code == 200, response.text
        entries += response.json()["items"]
        if response.json()["next_cursor"] is None:
            return entries
        params["cursor"] = response.json()["next_cursor"]


async def check(gallery: Any, sub: str) -> int:
    """The balance, after checking that the ledger explains it, entry by entry."""
    balance = (await gallery.client.get("/credits", headers=headers(gallery, sub))).json()["credits"]
    entries = await ledger(gallery, sub)
    running = 0
    for entry in reversed(entries):
        running += entry["amount"]
        assert entry["balance_after"] == running >= 0
    assert running == balance
    assert len({entry["id"] for entry in entries}) == len(entries)
    return int(balance)


async def test_the_first_call_opens_the_balance_once_however_many_come_first(gallery: Any) -> None:
    given = headers(gallery, ANA)
    responses = await asyncio.gather(*(gallery.client.get("/credits", headers=given) for _ in range(30)))
    assert {response.status_code for response in responses} == {200}
    assert {response.json()["credits"] for response in responses} == {100}
    entries = await ledger(gallery, ANA)
    assert [(entry["amount"], entry["reason"]) for entry in entries] == [(100, "welcome")]


async def test_generating_costs_its_price_and_the_ledger_says_for_what(gallery: Any) -> None:
    response = await gallery.client.post(
        "/images", headers=headers(gallery, ANA), json={"prompt": "a poster"}
    )
    assert response.status_code == 201
    assert await check(gallery, ANA) == 95
    newest = (await ledger(gallery, ANA))[0]
    assert (newest["amount"], newest["reason"]) == (-5, "image_generated")
    assert newest["reference"] == response.json()["id"]


async def test_what_fails_costs_nothing(gallery: Any) -> None:
    for body in ({"prompt": ""}, {"prompt": "x", "seed": -1}, {"prompt": "x", "price": 0}, {}):
        response = await gallery.client.post("/images", headers=headers(gallery, ANA), json=body)
        assert response.status_code == 422
    assert await check(gallery, ANA) == 100


async def test_an_empty_purse_is_402_and_makes_nothing(gallery: Any) -> None:
    given = headers(gallery, ANA)
    async with another(gallery, image_price=60) as dear:
        for status in (201, 402):
            response = await dear.client.post("/images", headers=given, json={"prompt": "a poster"})
            assert response.status_code == status
    assert code(response) == "insufficient_credits"
    assert await check(gallery, ANA) == 40
    listed = await gallery.client.get("/images", headers=given)
    assert len(listed.json()["items"]) == 1


async def test_of_many_who_pay_at_once_each_pays(gallery: Any) -> None:
    """Without the drawing, which keeps them apart by chance."""
    await check(gallery, ANA)
    owner, database = f"{gallery.settings.issuer} {ANA}", gallery.app.state.resource_api.database

    def pay(number: int) -> Any:
        return database.transaction(
            lambda session: credits.spend(session, owner, 3, "image_generated", f"{number}", gallery.clock())
        )

    paid = await asyncio.gather(*(pay(number) for number in range(40)), return_exceptions=True)
    refused = [str(answer) for answer in paid if answer is not None]
    assert refused == ["insufficient_credits"] * 7
    assert await check(gallery, ANA) == 1


async def test_each_person_has_a_purse_of_their_own(gallery: Any) -> None:
    await gallery.client.post("/images", headers=headers(gallery, ANA), json={"prompt": "a poster"})
    assert await check(gallery, ANA) == 95
    assert await check(gallery, BRUNO) == 100

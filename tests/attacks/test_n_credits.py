"""Group N: credits are spent once, by their owner, for something; and one request has one effect."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from resource_api import credits, database, problems
from tests.resource_api.callers import ANA, BRUNO, MACHINE, another, code, headers, png
from tests.resource_api.test_credits import check, ledger
from tests.support import databases

both = pytest.mark.parametrize("resource_database_url", databases.KINDS, indirect=True)

# What JSON can write where a whole number belongs; each as it stands in the body.
NO_NUMBERS = (
    *(
        "-1",
        "-0.1",
        "0.1",
        "1e-9",
        "1e3",
        "1.0",
        "4294967296",
        "9223372036854775808",
        "1" + "0" * 30,
        "9" * 5000,
    ),
    *(
        '"1"',
        '""',
        "true",
        "false",
        "[]",
        "[1]",
        "{}",
        '{"a": 1}',
        "NaN",
        "Infinity",
        "-Infinity",
        "1e308",
        "1e400",
    ),
    *("01", "+1", "0x1", "1_0", "١", "--1"),
)


async def generate(gallery: Any, sub: str = ANA, key: str | bytes | None = None, **body: Any) -> Any:
    more: dict[str, Any] = {} if key is None else {"Idempotency-Key": key}
    wanted = {"prompt": "a poster", **body}
    return await gallery.client.post("/images", headers={**headers(gallery, sub), **more}, json=wanted)


async def images_of(gallery: Any, sub: str) -> list[str]:
    listed = await gallery.client.get("/images", headers=headers(gallery, sub), params={"limit": "100"})
    return [image["id"] for image in listed.json()["items"]]


@contextlib.asynccontextmanager
async def two(gallery: Any, **changed: Any) -> AsyncIterator[tuple[Any, Any]]:
    """Two processes of the same service; each has a queue and a child of its own."""
    async with another(gallery, **changed) as first, another(gallery, **changed) as second:
        yield first, second


@both
async def test_row_114_the_last_credit_raced_for_over_two_processes_is_spent_once(gallery: Any) -> None:
    async with two(gallery, image_price=100) as processes:
        asked = (generate(processes[number % 2], prompt=f"pier {number}") for number in range(100))
        answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [201] + [402] * 99
    refused = [answer for answer in answers if answer.status_code == 402]
    assert {code(answer) for answer in refused} == {"insufficient_credits"}
    assert await check(gallery, ANA) == 0
    assert len(await images_of(gallery, ANA)) == 1
    kept = [path for path in gallery.settings.files.rglob("*") if path.is_file()]
    assert len(kept) == 2, "what was drawn for nothing is thrown away"


@both
async def test_row_114_and_117_a_balance_has_one_history_however_many_spend_at_once(gallery: Any) -> None:
    """Drawing lets one request of an owner through at a time, so the transactions are raced here by themselves."""
    chance = random.Random(114)
    async with two(gallery, welcome_credits=100) as processes:
        houses = [process.app.state.resource_api for process in processes]
        for number in range(6):
            owner = f"{gallery.settings.issuer} person-{number}"
            prices = [chance.choice((1, 5, 30, 60, 100)) for _ in range(30)]
            asked = [_open_and_spend(houses[at % 2], owner, price) for at, price in enumerate(prices)]
            won = await asyncio.gather(*asked)
            spent = sorted(price for price, mine in zip(prices, won, strict=True) if mine)
            welcome, *entries = await check_history(houses[0], owner)
            assert (welcome, sorted(-amount for amount in entries)) == (100, spent)
            refused = [price for price, mine in zip(prices, won, strict=True) if not mine]
            assert all(price > 100 - sum(spent) for price in refused), "who was refused could not pay"


async def _open_and_spend(house: Any, owner: str, price: int) -> bool:
    def work(session: Any) -> None:
        credits.open_(session, owner, house.settings.welcome_credits, 0.0)
        credits.spend(session, owner, price, "image_generated", "an image", 0.0)

    try:
        await house.database.transaction(work)
    except problems.Problem:
        # The transaction rolled back, and with it perhaps the opening: whoever was refused comes back for that.
        await house.database.transaction(
            lambda session: credits.open_(session, owner, house.settings.welcome_credits, 0.0)
        )
        return False
    return True


async def check_history(house: Any, owner: str) -> list[int]:
    """The amounts of the ledger in their order, which is one without gaps and never below nothing."""
    table = credits.ledger
    statement = sa.select(table).where(table.c.owner == owner).order_by(table.c.number)
    rows = await house.database.read(lambda session: session.execute(statement).all())
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    balance = 0
    for row in rows:
        balance += row.amount
        assert row.balance_after == balance >= 0
    assert await house.database.read(lambda session: credits.find(session, owner)) == balance
    return [row.amount for row in rows]


@both
async def test_row_117_everything_at_once_makes_and_loses_no_credit(gallery: Any) -> None:
    """Spending, uploading, deleting and looking, by one person over two processes: each answer was true."""
    given = headers(gallery, ANA)
    async with two(gallery, image_price=50) as processes:
        asked: list[Any] = []
        for number in range(3):
            client = processes[number % 2].client
            asked += [
                generate(processes[number % 2], prompt=f"pier {number}"),
                client.post("/uploads", headers=given, files={"file": ("x.png", png())}),
                client.get("/credits", headers=given),
            ]
        answers = await asyncio.gather(*asked)
        drawn = [answer.json()["id"] for answer in answers[::3] if answer.status_code == 201]
        assert sorted(answer.status_code for answer in answers[::3]) == [201] * 2 + [402]
        assert {answer.status_code for answer in answers[1::3]} == {201}
        assert {answer.json()["credits"] for answer in answers[2::3]} <= {100, 50, 0}
        gone = [process.client.delete(f"/images/{drawn[0]}", headers=given) for process in processes]
        assert sorted(answer.status_code for answer in await asyncio.gather(*gone)) == [204, 404]
    assert await check(gallery, ANA) == 0, "a deleted image gives nothing back"
    assert sorted(drawn) == sorted(entry["reference"] for entry in (await ledger(gallery, ANA))[:-1])


@both
async def test_row_115_one_key_a_hundred_times_at_once_over_two_processes_has_one_effect(
    gallery: Any,
) -> None:
    async with two(gallery) as processes:
        answers = await asyncio.gather(*(generate(processes[n % 2], key="k-1") for n in range(100)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers)[1:] == ["true"] * 99
    assert await check(gallery, ANA) == 95
    assert len(await images_of(gallery, ANA)) == 1


async def test_row_115_a_key_belongs_to_one_body_one_person_and_one_route(gallery: Any) -> None:
    first = await generate(gallery, key="k-1")
    for body in ({"prompt": "another pier"}, {"seed": 1}, {"title": ""}):
        other = await generate(gallery, key="k-1", **body)
        assert (other.status_code, code(other)) == (422, "idempotency_key_reused"), body
    theirs = await generate(gallery, BRUNO, key="k-1")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != first.json()["id"]
    # A route that makes nothing twice looks at no key, so it can neither be answered by one nor use it up.
    given = headers(gallery, ANA, **{"Idempotency-Key": "k-1"})
    made = await gallery.client.post("/galleries", headers=given, json={"title": "a gallery"})
    assert (made.status_code, made.json()["title"]) == (201, "a gallery")
    assert (await generate(gallery, key="k-1")).content == first.content
    assert await check(gallery, ANA) == await check(gallery, BRUNO) == 95


async def test_row_115_a_key_that_is_none_is_refused_and_nothing_is_made(gallery: Any) -> None:
    for key in (
        b"",
        b" ",
        b"a b",
        b"\x00",
        b"k\x00",
        b"\xff",
        "schlüssel".encode(),
        b"k" * 256,
        b"k" * 1_000_000,
    ):
        answer = await generate(gallery, key=key)
        assert (answer.status_code, code(answer)) == (400, "invalid_request"), key[:20]
    pairs = [(name.encode(), value.encode()) for name, value in headers(gallery, ANA).items()]
    twice = [*pairs, (b"idempotency-key", b"k"), (b"idempotency-key", b"k")]
    doubled = await gallery.client.post("/images", headers=twice, json={"prompt": "a poster"})
    assert doubled.status_code == 400
    assert await check(gallery, ANA) == 100
    assert (await generate(gallery, key=b"k" * 255)).status_code == 201


@both
async def test_row_115_what_failed_is_not_answered_again(
    gallery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await generate(gallery, key="k-1", prompt="")
    assert refused.status_code == 422
    with monkeypatch.context() as broken:

        def lost(*_: object) -> None:
            raise database.UnavailableError("the connection was lost")

        broken.setattr(
            "resource_api.credits.spend", lost
        )  # the last statement, when all others have been sent
        failed = await generate(gallery, key="k-1")
        assert failed.status_code == 503
        assert await check(gallery, ANA) == 100
        assert await images_of(gallery, ANA) == []
    answer = await generate(gallery, key="k-1")
    assert (answer.status_code, "idempotency-replayed" in answer.headers) == (201, False)
    assert await check(gallery, ANA) == 95


async def test_row_116_only_a_number_is_a_number(gallery: Any) -> None:
    given = headers(gallery, ANA, **{"Content-Type": "application/json"})
    made = (await gallery.client.post("/galleries", headers=given, json={"title": "a gallery"})).json()["id"]
    places = (
        ("/images", '{"prompt": "a poster", "seed": %s}'),
        (
            f"/galleries/{made}/images",
            '{"image_id": "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "position": %s}',
        ),
    )
    for path, body in places:
        for number in NO_NUMBERS:
            if path != "/images" and number == "4294967296":
                continue  # a position may be as large as the gallery cannot be
            answer = await gallery.client.post(path, headers=given, content=(body % number).encode())
            assert answer.status_code in (400, 422), (path, number)
    assert [entry["reason"] for entry in await ledger(gallery, ANA)] == ["welcome"]
    good = await gallery.client.post(
        "/images", headers=given, content=b'{"prompt": "a poster", "seed": 4294967295}'
    )
    assert good.status_code == 201


async def test_row_116_credits_are_neither_sold_nor_set_nor_lent(gallery: Any) -> None:
    given = headers(gallery, ANA)
    for path, status in (("/credits", 405), ("/credits/purchases", 404), ("/credits/transfers", 404)):
        for amount in (1, -1, 10**30, None):
            answer = await gallery.client.post(
                path, headers=given, json={"credits": amount, "amount": amount}
            )
            assert answer.status_code == status, path
    for member in ("price", "credits", "amount", "cost"):
        extra: dict[str, Any] = {member: 0}
        answer = await generate(gallery, **extra)
        assert answer.status_code == 422, member
    assert (await generate(gallery, MACHINE)).status_code == 403
    assert await check(gallery, ANA) == 100
    assert (await generate(gallery)).status_code == 201

"""Group J, registering: addresses that look like somebody else's, and accounts made in somebody else's name."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx2

from authserver.people import passwords, users
from tests.authserver.protocol.flows import BROWSER, PASSWORD, World, answer_of

from . import races
from .forms import ANA, count, is_signed_in
from .test_j_login import from_address

THEIRS = "some other password that is long"
# Ways to write Ana's address: they mean her account.
HERS = (
    *("ANA@example.test", " ana@example.test ", "ana@EXAMPLE.test", "ａｎａ@example.test"),
    *("ana@ｅｘａｍｐｌｅ.test", "Ana@example．test"),
)
# What nobody could tell from it, and what is no address.
NOBODYS = (
    *("аna@example.test", "an\u200ba@example.test", "ana\u2060@example.test", "\u202eana@example.test"),
    *("a@x@y", "ana@example.test\r\nBcc: mallory@evil.test", "ana@example.test\n", "ana\x1b@example.test"),
    *(
        "ana@exam\u00adple.test",
        "ana@example.test\ufeff",
        '"ana"@example.test',
        "ana@[127.0.0.1]",
        "ana@",
        "ana@example。test",
    ),
)


async def register(client: httpx2.AsyncClient, email: str, password: str = THEIRS) -> httpx2.Response:
    """A registration from a browser without cookies."""
    answer = await client.post("/register", data={"email": email, "password": password}, headers={**BROWSER})
    client.cookies.clear()
    return answer


async def test_row_95_no_spelling_of_an_address_is_a_second_account(world: World) -> None:
    assert (await register(world.client, ANA, PASSWORD)).status_code == 303
    for email in (*HERS, *NOBODYS):
        answer = await register(world.client, email)
        shown = (email, answer.text[:2000])
        assert answer.status_code in (400, 422), shown
        assert (
            "set-cookie" not in answer.headers or "authserver_local=" not in answer.headers["set-cookie"]
        ), shown
        assert "bcc" not in answer.headers, shown
    assert await count(world, users.table) == [1]
    for email in HERS:  # and each of them lets her in, with her own password
        browser = world.browser()
        assert (await browser.sign_in(email)).status_code == 303, email
        assert ANA in (await browser.get("/")).text, email
    # A name in another alphabet throughout is another person, however alike it looks.
    twin = "оса@example.test"
    assert (await register(world.client, "oca@example.test", PASSWORD)).status_code == 303
    assert (await register(world.client, twin)).status_code == 303
    browser = world.browser()
    assert (await browser.sign_in(twin)).status_code == 422, "whose password is another's"


async def test_row_95_and_149_of_many_who_register_one_address_one_has_it(world: World) -> None:
    """From several addresses, or the limit on each would decide. Who finds the password lane full comes again."""
    clients = [from_address(world, f"198.51.100.{number}") for number in range(3)]

    async def take(number: int) -> int:
        client, spelling = clients[number % len(clients)], (ANA, *HERS)[number % (1 + len(HERS))]
        return (await races.insist(lambda: register(client, spelling))).status_code

    answers = Counter(await asyncio.gather(*(take(number) for number in range(30))))
    assert answers[303] == 1, answers
    assert set(answers) <= {303, 422}, answers
    assert await count(world, users.table) == [1]
    for client in clients:
        await client.aclose()


async def test_row_95_who_registers_an_address_before_its_owner_keeps_nothing(
    world: World, clock: Any
) -> None:
    """Until mail can be sent an administrator proves whose address it is, and gives the owner a password."""
    app, mallory = await world.add_app(), world.browser()
    answer = await mallory.send("POST", "/register", data={"email": ANA, "password": THEIRS})
    assert answer.status_code == 303
    assert (await register(world.client, ANA, PASSWORD)).status_code == 422, "the owner is told"
    waiting = (await mallory.authorize(app)).headers["location"]
    code = answer_of(await mallory.decide(waiting, "allow", ["images:read"]))["code"]
    tokens = (await world.redeem(app, code)).json()
    late = (await mallory.allow(app))["code"]
    clock.advance(1)

    digest = await world.server.state.passwords.hash(passwords.normalise(PASSWORD))
    user = await world.server.state.database.read(lambda session: users.find_by_email(session, ANA))
    await world.write(lambda session: users.set_password(session, user.id, digest, now=world.now()))

    assert not await is_signed_in(mallory)
    assert (await mallory.authorize(app)).headers["location"].startswith("/login?")
    assert (await world.redeem(app, late)).json().get("error") == "invalid_grant"
    assert (await world.refresh(app, tokens["refresh_token"])).json().get("error") == "invalid_grant"
    assert await world.introspect(app, tokens["access_token"]) == {"active": False}
    refused = await world.browser().send("POST", "/login", data={"email": ANA, "password": THEIRS})
    assert refused.status_code == 422
    owner = world.browser()
    assert (await owner.sign_in(ANA)).status_code == 303
    assert ANA in (await owner.get("/")).text

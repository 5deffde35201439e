"""Group J: guessing passwords, locking people out, finding out who has an account."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from authserver import limits
from tests.authserver.protocol.flows import BROWSER, PASSWORD, World

from .forms import ANA, MALLORY, count, signed_in


async def login(world: World, email: str, password: str = "wrong", **headers: str) -> httpx2.Response:
    """A try from a browser of its own."""
    form = {"email": email, "password": password}
    answer = await world.client.post("/login", data=form, headers={**BROWSER, **headers})
    world.client.cookies.clear()
    return answer


def from_address(world: World, address: str) -> httpx2.AsyncClient:
    """Somebody at another address."""
    transport = httpx2.ASGITransport(app=world.server.app, client=(address, 1), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=BROWSER)


async def test_row_84_who_has_an_account_does_not_show_at_sign_in(world: World) -> None:
    from authserver.people import users

    await world.add_person()
    disabled = await world.add_person("disabled@example.test")
    await world.write(lambda session: users.disable(session, disabled, now=world.now()))
    seen = set()
    for email, password in (
        (ANA, "wrong"),
        ("disabled@example.test", PASSWORD),
        ("nobody@example.test", "wrong"),
    ):
        answer = await login(world, email, password)
        text = answer.text.replace(email, "E")
        hidden = text.partition('name="form_token" value="')[2].partition('"')[0]
        seen.add(
            (answer.status_code, tuple(sorted(answer.headers.keys())), len(text), text.replace(hidden, "T"))
        )
        assert hidden
    shown = {one[:3] for one in seen}
    assert len(shown) == 1, shown
    assert (await login(world, ANA, PASSWORD)).status_code == 303


async def test_row_85_every_try_costs_one_hash_whoever_is_asked_for(world: World, monkeypatch: Any) -> None:
    """The cost is counted, not timed: one machine's noise is larger than what a leak would be."""
    from argon2 import PasswordHasher

    await world.add_person()
    await login(world, "warm@example.test")
    verify, hashed = PasswordHasher.verify, []

    def counted(self: Any, digest: Any, password: Any) -> Any:
        hashed.append(str(digest).rpartition("$")[0].split("$")[1:4])
        return verify(self, digest, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for password in ("wrong", "x", "y" * 1024):
        for email in (ANA, "nobody@example.test"):
            hashed.clear()
            assert (await login(world, email, password)).status_code == 422
            assert len(hashed) == 1, (email, len(password))


async def test_row_86_every_spelling_and_door_counts_as_one_account(world: World) -> None:
    await world.add_person()
    app = await world.add_app(
        "client_secret_post", grant_types=["password"], first_party=True, redirect_uris=[]
    )
    spellings = [ANA, "ANA@example.test", " ana@EXAMPLE.test ", "ＡＮＡ@example.test", "Ana@Example.Test"]
    for spelling in spellings:
        assert (await login(world, spelling)).status_code == 422, spelling
        answer = await world.token(app, grant_type="password", username=spelling, password="wrong")
        assert answer.status_code == 400, spelling
    for spelling in spellings:
        paused = await login(world, spelling, PASSWORD)
        assert paused.status_code == 429, spelling
        assert 0 < int(paused.headers["retry-after"]) <= limits.LOGIN_SECONDS
        answer = await world.token(app, grant_type="password", username=spelling, password=PASSWORD)
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True), spelling


async def test_row_86_of_a_hundred_at_once_ten_are_looked_at(world: World) -> None:
    await world.add_person()
    answers = await asyncio.gather(*(login(world, ANA, f"wrong {number}") for number in range(99)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(429) + statuses.count(422) + statuses.count(503) == 99
    assert statuses.count(422) <= limits.LOGIN_ACCOUNT
    assert (await login(world, ANA, PASSWORD)).status_code == 429


async def test_row_87_one_address_tries_a_hundred_accounts_whatever_it_claims(world: World) -> None:
    await world.add_person()
    async with from_address(world, "2001:db8::1") as stuffing:
        for number in range(limits.LOGIN_ADDRESS + 5):
            forged = {
                "x-forwarded-for": f"192.0.2.{number}",
                "forwarded": f"for=192.0.2.{number}",
                "x-real-ip": f"192.0.2.{number}",
                "true-client-ip": f"192.0.2.{number}",
            }
            form = {"email": f"nobody{number}@example.test", "password": "wrong"}
            answer = await stuffing.post("/login", data=form, headers=forged)
            assert answer.status_code == (422 if number < limits.LOGIN_ADDRESS else 429), number
    async with from_address(world, "2001:db8::ffff:1") as neighbour:  # the same household's /64
        answer = await neighbour.post("/login", data={"email": ANA, "password": PASSWORD})
        assert answer.status_code == 429
    async with from_address(world, "2001:db8:0:1::1") as other:
        answer = await other.post("/login", data={"email": ANA, "password": PASSWORD})
        assert answer.status_code == 303
    throttled = await events(world, "sign_in_throttled")
    assert [event["ip"] for event in throttled] == ["2001:db8::1"], "on record once a pause"


async def test_row_88_strangers_cannot_lock_somebody_out_of_their_own_browser(
    world: World, clock: Any
) -> None:
    browser = await signed_in(world)
    await world.add_person(MALLORY)
    other = await signed_in(world, MALLORY)
    for number in range(limits.LOGIN_ACCOUNT + 5):
        async with from_address(world, f"192.0.2.{number}") as stranger:
            await stranger.post("/login", data={"email": ANA, "password": "wrong"})
    assert 'data-test="signed-in"' in (await browser.get("/")).text, "a session goes on"
    assert (await browser.sign_in(ANA)).status_code == 303, "and a known browser signs in"
    assert (await other.sign_in(ANA)).status_code == 429, "a browser that knows somebody else does not"
    stolen = world.browser()
    stolen.cookies = {"authserver_local_known": browser.cookies["authserver_local_known"]}
    assert (await stolen.sign_in(ANA)).status_code == 429, "nor does one part of what a known browser has"
    for _ in range(limits.LOGIN_ACCOUNT):
        await browser.send("POST", "/login", data={"email": ANA, "password": "wrong", "request": ""})
    assert (await browser.sign_in(ANA)).status_code == 429, "it has tries of its own, and no more of them"
    clock.advance(limits.LOGIN_SECONDS + 1)
    assert (await login(world, ANA, PASSWORD)).status_code == 303, "it heals by itself"


async def test_row_88_an_address_that_has_had_its_tries_uses_up_nobody_elses(world: World) -> None:
    await world.add_person()
    async with from_address(world, "192.0.2.7") as stranger:
        for number in range(limits.LOGIN_ADDRESS):
            await stranger.post("/login", data={"email": f"nobody{number}@example.test", "password": "wrong"})
        for _ in range(limits.LOGIN_ACCOUNT + 1):
            answer = await stranger.post("/login", data={"email": ANA, "password": "wrong"})
            assert answer.status_code == 429
    assert (await login(world, ANA, PASSWORD)).status_code == 303
    assert (await count(world, limits.table))[0] <= limits.LOGIN_ADDRESS + 3, "nor does it fill the table"


async def test_row_89_passwords_that_differ_are_different(world: World) -> None:
    from tests.authserver.sign_in import pages

    long = "correct horse battery staple lorem ipsum dolor sit amet consectetur " + "x" * 60
    assert len(long) == 128
    answer = await pages.sign_up(world.client, "long@example.test", password=long)
    assert answer.status_code == 303
    world.client.cookies.clear()
    for wrong in (long[:72], long[:-1], long[:-1] + "y", long + " ", " " + long, long.upper(), long + "x"):
        assert (await login(world, "long@example.test", wrong)).status_code == 422, wrong
    assert (await login(world, "long@example.test", long[:12] + "\0" + long[12:])).status_code == 400
    assert (await login(world, "long@example.test", "x" * 1_000_000)).status_code == 413
    assert (await login(world, "long@example.test", long)).status_code == 303


async def test_row_125_requests_that_wait_for_nobody_are_bounded(world: World, clock: Any) -> None:
    from authserver.oauth import authorization_requests

    app = await world.add_app()
    settings = world.server.settings.model_copy(update={"authorization_requests_per_address": 3})
    object.__setattr__(world.server.state, "settings", settings)
    browser = await signed_in(world)
    for number in range(6):
        async with from_address(world, "192.0.2.7") as stranger:
            from tests.authserver.protocol.flows import request_for

            headers = {"x-forwarded-for": f"198.51.100.{number}"}
            answer = await stranger.get("/oauth/authorize", params=request_for(app), headers=headers)
            assert answer.status_code == (303 if number < 3 else 429), number
            assert ("retry-after" in answer.headers) == (number >= 3)
    assert await count(world, authorization_requests.table) == [3]
    assert "code" in await browser.allow(app), "others are served"
    for _ in range(5):
        assert "code=" in (await browser.authorize(app)).headers["location"], (
            "what waits for nobody is not counted"
        )
    clock.advance(settings.authorization_request_seconds + 1)
    async with from_address(world, "192.0.2.7") as stranger:
        assert (await stranger.get("/oauth/authorize", params=request_for(app))).status_code == 303


async def events(world: World, name: str) -> list[dict[str, Any]]:
    """What is on record under this name."""
    from authserver import audit

    await world.server.state.audit_buffer.flush(world.server.state.database)
    found = await world.server.state.database.read(lambda session: audit.list_page(session, event=name))
    return [{"ip": event.ip, "user_id": event.user_id} for event in found]

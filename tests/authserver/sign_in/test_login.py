"""Signing in: the right password works, everything else fails the same way, and not for long."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import httpx2
import pytest
from sqlalchemy.orm import Session

from authserver import app as application
from authserver import audit, limits
from authserver.people import users

from . import pages

OTHER_PLACES = [
    "//evil.test",
    "/\\evil.test",
    "https:evil.test",
    "/%09/evil.test",
    "https://localhost:8000@evil.test",
    "javascript:alert(1)",
    "///evil.test",
]


async def test_the_right_password_signs_in(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    answer = await pages.sign_in(authserver.client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert pages.EMAIL in (await authserver.client.get("/")).text


@pytest.mark.parametrize("email", ["ANA@example.org", " ana@example.org ", "Ana@Example.ORG"])
async def test_an_address_may_be_typed_in_any_case(authserver: Any, email: str) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    assert (await pages.sign_in(authserver.client, email)).status_code == 303


async def test_a_wrong_password_keeps_the_address_and_clears_the_password(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    answer = await pages.sign_in(authserver.client, password="not the password")
    assert answer.status_code == 422
    assert dict(pages.form(answer, "/login").fields)["email"] == pages.EMAIL
    assert "not the password" not in answer.text
    assert (
        pages.problem(answer)
        == "That e-mail and password don’t match. 9 tries left before a 15-minute pause."
    )
    assert authserver.client.cookies.get("authserver_local") is None


async def test_unknown_and_disabled_accounts_look_like_a_wrong_password(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    await authserver.state.database.transaction(lambda session: _disable(session, authserver.clock()))
    answers = [
        await pages.sign_in(authserver.client, email, password)
        for email, password in (
            (pages.EMAIL, pages.PASSWORD),
            ("nobody@example.org", pages.PASSWORD),
        )
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({pages.problem(answer) for answer in answers}) == 1
    assert {tuple(sorted(answer.headers)) for answer in answers}.__len__() == 1


def _disable(session: Session, now: float) -> None:
    user = users.find_by_email(session, pages.EMAIL)
    assert user is not None
    users.disable(session, user.id, now=now)


async def test_ten_failures_pause_an_account_and_say_until_when(authserver: Any, clock: Any) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    for left in range(9, -1, -1):
        answer = await pages.sign_in(authserver.client, password="wrong")
        assert answer.status_code == 422
        assert (f"{left} tr" in pages.problem(answer)) == (left > 0)
    answer = await pages.sign_in(authserver.client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 15 * 60
    assert "UTC" in pages.problem(answer)
    assert (await pages.sign_in(authserver.client, "other@example.org")).status_code == 422
    clock.advance(15 * 60 + 1)
    assert (await pages.sign_in(authserver.client)).status_code == 303


async def test_the_pause_is_the_same_for_accounts_that_do_not_exist(authserver: Any) -> None:
    for _ in range(10):
        await pages.sign_in(authserver.client, "nobody@example.org", "wrong")
    assert (await pages.sign_in(authserver.client, "nobody@example.org")).status_code == 429


async def test_of_many_tries_at_once_ten_are_looked_at(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    page = await authserver.client.get("/login")
    answers = await asyncio.gather(
        *(
            pages.send(authserver.client, page, "/login", email=pages.EMAIL, password=f"wrong {number}")
            for number in range(20)
        )
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(422) == 10
    assert statuses.count(429) == 10


async def test_a_right_password_forgives_earlier_failures(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    for _ in range(2):
        for _ in range(9):
            await pages.sign_in(authserver.client, password="wrong")
        assert (await pages.sign_in(authserver.client)).status_code == 303
        authserver.client.cookies.clear()


async def test_many_people_behind_one_address_sign_in(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    page = await authserver.client.get("/login")
    for _ in range(limits.LOGIN_ADDRESS + 5):
        answer = await pages.send(
            authserver.client, page, "/login", email=pages.EMAIL, password=pages.PASSWORD
        )
        assert answer.status_code == 303


async def test_a_hundred_failures_pause_an_address(authserver: Any, clock: Any) -> None:
    page = await authserver.client.get("/login")
    for number in range(limits.LOGIN_ADDRESS + 1):
        email = f"nobody{number}@example.org"
        headers = {**pages.HERE, "X-Forwarded-For": f"192.0.2.{number}"}
        answer = await pages.send(
            authserver.client, page, "/login", headers=headers, email=email, password="wrong"
        )
        assert answer.status_code == (422 if number < limits.LOGIN_ADDRESS else 429)
    clock.advance(limits.LOGIN_SECONDS + 1)
    assert (await pages.sign_in(authserver.client, "nobody@example.org")).status_code == 422


async def test_signing_in_gives_a_new_session_and_ends_the_old_one(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    old = authserver.client.cookies["authserver_local"]
    await pages.sign_in(authserver.client)
    new = authserver.client.cookies["authserver_local"]
    assert new != old
    authserver.client.cookies.clear()
    for token, known in ((old, False), (new, True)):
        page = await authserver.client.get("/", headers={"Cookie": f"authserver_local={token}"})
        assert (pages.EMAIL in page.text) == known


async def test_a_session_planted_before_sign_in_is_not_taken_over(authserver: Any) -> None:
    await pages.sign_up(authserver.client, "mallory@example.org")
    planted = authserver.client.cookies["authserver_local"]
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    page = await authserver.client.get("/", headers={"Cookie": f"authserver_local={planted}"})
    assert pages.EMAIL not in page.text


@pytest.mark.parametrize("idle", [True, False])
async def test_a_session_ends_when_it_is_idle_or_old(authserver: Any, clock: Any, idle: bool) -> None:
    await pages.sign_up(authserver.client)
    limit = authserver.settings.session_idle_seconds if idle else authserver.settings.session_absolute_seconds
    step = limit + 1 if idle else authserver.settings.session_idle_seconds / 2
    passed = 0.0
    while passed < limit:
        clock.advance(step)
        passed += step
        page = await authserver.client.get("/")
        assert (pages.EMAIL in page.text) == (passed < limit)


@pytest.mark.parametrize(
    "cookie", ["", "x", "se_", "se_" + "a" * 49, "a" * 5000, "eyJhbGciOiJub25lIn0.e30.", "%00", "é"]
)
async def test_a_bad_cookie_is_nobody(authserver: Any, cookie: str) -> None:
    answer = await authserver.client.get("/", headers={"Cookie": f"authserver_local={cookie}".encode()})
    assert answer.status_code == 200
    assert 'data-test="signed-in"' not in answer.text


async def test_two_session_cookies_are_nobody(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    token = authserver.client.cookies["authserver_local"]
    authserver.client.cookies.clear()
    answer = await authserver.client.get(
        "/", headers={"Cookie": f"authserver_local={token}; authserver_local=x"}
    )
    assert 'data-test="signed-in"' not in answer.text


@pytest.mark.parametrize("value", OTHER_PLACES)
async def test_signing_in_never_leads_elsewhere(authserver: Any, value: str) -> None:
    await pages.sign_up(authserver.client)
    for name in ("next", "return_to", "continue", "redirect", "RelayState", "request", "lang"):
        for path in ("/login", "/register", "/logout", "/consent", "/"):
            answer = await authserver.client.get(path, params={name: value})
            assert re.match(r"/(?![/\\])", answer.headers.get("location", "/")), (path, name)
            assert "refresh" not in answer.headers


async def test_every_way_in_and_out_is_on_record(authserver: Any) -> None:
    await pages.sign_up(authserver.client)
    await pages.send(authserver.client, await authserver.client.get("/logout"), "/logout")
    await pages.sign_in(authserver.client)
    for _ in range(11):
        await pages.sign_in(authserver.client, "nobody@example.org", "wrong")
    events = await authserver.state.database.read(audit.list_page)
    assert Counter(event.event for event in events if not event.event.startswith("key_")) == {
        "account_created": 1,
        "signed_out": 1,
        "signed_in": 1,
        "sign_in_failed": 10,
        "sign_in_throttled": 1,
    }
    assert all(event.ip == "127.0.0.1" and event.request_id for event in events if "sign" in event.event)
    assert pages.PASSWORD not in str(events)


async def test_a_password_hashed_the_old_way_is_hashed_anew(authserver: Any, clock: Any) -> None:
    await pages.sign_up(authserver.client)
    before = await _digest(authserver)
    session = authserver.client.cookies["authserver_local"]
    settings = authserver.settings.model_copy(update={"password_passes": 2})
    app = application.create_app(settings, clock=clock)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=settings.issuer) as client,
    ):
        assert (await pages.sign_in(client)).status_code == 303
    after = await _digest(authserver)
    assert "t=1" in before
    assert "t=2" in after
    page = await authserver.client.get("/", headers={"Cookie": f"authserver_local={session}"})
    assert pages.EMAIL in page.text, "other sessions go on"
    authserver.client.cookies.clear()
    assert (await pages.sign_in(authserver.client)).status_code == 303


async def _digest(authserver: Any) -> str:
    user = await authserver.state.database.read(lambda session: users.find_by_email(session, pages.EMAIL))
    digest: str = user.password_digest
    return digest


async def test_the_form_says_what_password_managers_need(authserver: Any) -> None:
    page = (await authserver.client.get("/login")).text
    assert 'autocomplete="username webauthn"' in page
    assert 'autocomplete="current-password"' in page
    assert 'type="email"' in page


async def test_a_page_speaks_the_readers_language(authserver: Any) -> None:
    french = await authserver.client.get("/login", headers={"Accept-Language": "fr-CA,fr;q=0.9"})
    assert '<html lang="fr">' in french.text
    assert "Se connecter" in french.text
    chosen = await authserver.client.get("/login?lang=en", headers={"Accept-Language": "fr"})
    assert '<html lang="en">' in chosen.text
    kept = await authserver.client.get("/login", headers={"Accept-Language": "fr"})
    assert '<html lang="en">' in kept.text
    odd = await authserver.client.get("/login?lang=//evil.test", headers={"Accept-Language": "fr"})
    assert '<html lang="en">' in odd.text

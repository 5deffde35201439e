"""Group D, refresh: a stolen token, a lost answer, and everything that has to end a family."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from authserver import audit, credentials
from authserver.oauth import clients, refresh_tokens
from authserver.people import users
from tests.authserver.protocol.flows import OTHER, RESOURCE, App, World, claims_of
from tests.support import authserver as support
from tests.support import databases, processes
from tests.support.clock import ManualClock

from . import races

ANA = "ana@example.test"
NOTHING = {"active": False}


async def start(world: World, auth_method: str = "client_secret_basic", **more: Any) -> tuple[App, Any]:
    await world.add_person()
    app = await world.add_app(auth_method, **more)
    return app, await world.tokens(app)


async def refreshed(world: World, app: App, token: str, **fields: Any) -> Any:
    response = await world.refresh(app, token, **fields)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()


async def refused(world: World, app: App, *tokens: str, error: str = "invalid_grant", why: str = "") -> None:
    for token in tokens:
        response = await world.refresh(app, token)
        assert (response.status_code, response.json().get("error")) == (400, error), (why, response.text)


async def rows(world: World) -> list[Any]:
    found: list[Any] = await world.server.state.database.read(
        lambda session: list(session.execute(sa.select(refresh_tokens.table)).mappings())
    )
    return found


async def events(world: World, name: str) -> int:
    query = sa.select(sa.func.count()).select_from(audit.table).where(audit.table.c.event == name)
    counted: int = await world.server.state.database.read(lambda session: session.execute(query).scalar_one())
    return counted


async def test_row_34_a_token_of_the_past_ends_the_whole_family(world: World, clock: Any) -> None:
    app, first = await start(world)
    bystander = await world.tokens(app)
    clock.advance(1)
    second = await refreshed(world, app, first["refresh_token"])
    clock.advance(1)
    third = await refreshed(world, app, second["refresh_token"])
    assert (await world.introspect(app, first["access_token"]))["active"]
    await refused(world, app, first["refresh_token"], third["refresh_token"], second["refresh_token"])
    for answer in (first, second, third):
        assert await world.introspect(app, answer["access_token"]) == NOTHING
    assert await events(world, "refresh_reuse") == 1
    await refreshed(world, app, bystander["refresh_token"])


@pytest.mark.parametrize("kind", databases.KINDS)
async def test_row_35_of_many_at_once_all_get_the_one_successor(
    kind: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with races.two_servers(kind, tmp_path, clock) as worlds:
        app, answer = await start(worlds[0])
        for round_number in range(3):
            token = answer["refresh_token"]
            answers = await asyncio.gather(*(worlds[number % 2].refresh(app, token) for number in range(40)))
            assert [each.status_code for each in answers] == [200] * 40, round_number
            assert len({each.json()["refresh_token"] for each in answers}) == 1
            assert len({claims_of(each.json()["access_token"])["jti"] for each in answers}) == 40
            assert [row["revoked_at"] for row in await rows(worlds[0])] == [None]
            answer = answers[0].json()
        await refreshed(worlds[1], app, answer["refresh_token"])


async def test_row_36_generations_are_told_apart_within_one_moment(world: World) -> None:
    app = (await start(world))[0]
    for presented in (0, 1):
        tokens = [(await world.tokens(app))["refresh_token"]]
        for _ in range(3):
            tokens.append((await refreshed(world, app, tokens[-1]))["refresh_token"])
        await refused(world, app, tokens[presented], *reversed(tokens))


@pytest.mark.processes
async def test_row_37_a_killed_server_remembers_what_was_used(
    world: World, database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    clock.advance(time.time() - clock())  # the program has the machine's own time
    app, first = await start(world, "none")
    lost = await world.tokens(app)
    given = {
        "AUTHSERVER_DATABASE_URL": database_url,
        "AUTHSERVER_SECRET_KEY": support.SECRET_KEY,
        "AUTHSERVER_LOG_LEVEL": "warning",
    }

    async def refresh(program: processes.Program, token: str) -> Any:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": app.client_id}
        return (await http.post(f"{program.url}/oauth/token", data=form)).json()

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        with processes.authserver(given, tmp_path) as program:
            second = await refresh(program, first["refresh_token"])
            third = await refresh(program, second["refresh_token"])
            answer = await refresh(program, lost["refresh_token"])
            program.process.kill()
            program.process.wait()
        with processes.authserver(given, tmp_path) as program:
            again = await refresh(program, lost["refresh_token"])
            assert again["refresh_token"] == answer["refresh_token"]
            for token in (first["refresh_token"], third["refresh_token"]):
                assert (await refresh(program, token))["error"] == "invalid_grant"
            assert "access_token" in await refresh(program, again["refresh_token"])


async def test_row_38_a_retry_gets_the_same_successor_inside_its_window_and_nothing_after(
    world: World, clock: Any
) -> None:
    await world.add_person()
    for grace_seconds, after, works in ((None, 60, True), (None, 61, False), (0, 0, False), (120, 120, True)):
        app = await world.add_app(refresh_grace_seconds=grace_seconds)
        first = await world.tokens(app)
        lost = await refreshed(world, app, first["refresh_token"])
        clock.advance(after)
        if not works:
            await refused(world, app, first["refresh_token"], lost["refresh_token"], why=str(grace_seconds))
            continue
        again = await refreshed(world, app, first["refresh_token"])
        assert again["refresh_token"] == lost["refresh_token"]
        await refreshed(world, app, again["refresh_token"])
        # Its successor was used: whoever still has the first is a thief.
        await refused(world, app, first["refresh_token"], again["refresh_token"])


async def test_row_38_the_window_begins_at_the_first_use_and_is_not_prolonged(
    world: World, clock: Any
) -> None:
    app, first = await start(world)
    await refreshed(world, app, first["refresh_token"])
    clock.advance(40)
    last = await refreshed(world, app, first["refresh_token"])
    clock.advance(21)
    await refused(world, app, first["refresh_token"], last["refresh_token"])


@pytest.mark.parametrize("auth_method", ["client_secret_post", "none"])
async def test_row_39_nobody_else_can_use_or_end_a_token(world: World, auth_method: str) -> None:
    app, first = await start(world, auth_method)
    second = await refreshed(world, app, first["refresh_token"])
    third = await refreshed(world, app, second["refresh_token"])
    for stranger in (await world.add_app(), await world.add_app("none")):
        # The first is so old that its own client would end the family by it.
        await refused(world, stranger, *(one["refresh_token"] for one in (third, second, first)))
    if app.secret is not None:
        for unproven in (App(app.client_id, None, "none"), App(app.client_id, "cs_x", auth_method)):
            response = await world.refresh(unproven, first["refresh_token"])
            assert (response.status_code, response.json().get("error")) == (401, "invalid_client")
    again = await refreshed(world, app, second["refresh_token"])
    assert again["refresh_token"] == third["refresh_token"]
    await refreshed(world, app, again["refresh_token"])


async def test_row_39_a_token_that_we_never_made_ends_nothing(world: World) -> None:
    """Knowing a family's id isn't enough: the tag in the token has to be ours."""
    app, first = await start(world)
    token = first["refresh_token"]
    payload = credentials.decode(token, "rt")
    assert payload is not None
    await refused(
        world,
        app,
        *[
            credentials.encode("rt", forged)
            for forged in (
                payload[:16] + bytes(48),
                payload[:16] + bytes(32) + payload[48:],
                payload[:48] + bytes(16),
            )
        ],
        *(token[:-1], token + "a", token.swapcase(), token[: len(token) // 2], token + "\n"),
        *("rt_", "x", 'rt_"\\é', "rt_" + "0" * 200, first["access_token"]),
    )
    await refreshed(world, app, token)


Change = Callable[[World, App, str], Awaitable[Any]]


async def _disable(world: World, _app: App, person: str) -> None:
    await world.write(lambda session: users.disable(session, person, now=world.now()))


async def _disable_for_a_moment(world: World, _app: App, person: str) -> None:
    await _disable(world, _app, person)
    await world.write(lambda session: users.enable(session, person, now=world.now()))


async def _new_password(world: World, _app: App, person: str) -> None:
    await world.write(lambda session: users.set_password(session, person, "new digest", now=world.now()))


async def _no_scope_left(world: World, app: App, _person: str) -> None:
    await _register(world, app, scopes=["gallery:read"])


async def _register(world: World, app: App, **changes: Any) -> None:
    await world.write(lambda session: clients.update(session, app.client_id, now=world.now(), **changes))


# What happens, and whether the access token ends as well: the one that a client lost scopes for only expires.
CHANGES: tuple[tuple[Change, bool], ...] = (
    (_disable, True),
    (_disable_for_a_moment, True),
    (_new_password, True),
    (_no_scope_left, False),
)


async def test_row_40_what_happens_to_a_person_ends_their_families_and_no_others(
    world: World, clock: Any
) -> None:
    bystander = await start(world)
    for number, (change, ends) in enumerate(CHANGES):
        email = f"person-{number}@example.test"
        person = await world.add_person(email)
        app = await world.add_app()
        # Within one second: a token says only in which one it was made.
        clock.advance(1.25 - world.now() % 1)
        first, other = await world.tokens(app, email), await world.tokens(app, email)
        second = await refreshed(world, app, first["refresh_token"])
        clock.advance(0.25)
        await change(world, app, person)
        clock.advance(0.25)
        await refused(world, app, other["refresh_token"], second["refresh_token"], why=change.__name__)
        for answer in (first, second, other):
            active = (await world.introspect(app, answer["access_token"]))["active"]
            assert active is not ends, change.__name__
            assert await world.introspect(app, answer["refresh_token"]) == NOTHING or not ends
    await refreshed(world, bystander[0], bystander[1]["refresh_token"])


async def test_row_40_who_signs_in_after_the_change_is_not_taken_for_who_was_there_before(
    world: World, clock: Any
) -> None:
    app, before = await start(world)
    clock.advance(0.25)
    await _disable_for_a_moment(world, app, world.people[ANA])
    clock.advance(0.25)
    after = await world.tokens(app)
    assert claims_of(before["access_token"])["iat"] == claims_of(after["access_token"])["iat"]
    assert await world.introspect(app, before["access_token"]) == NOTHING
    assert (await world.introspect(app, after["access_token"]))["active"]
    await refreshed(world, app, after["refresh_token"])


async def test_row_40_a_session_from_before_leaves_nothing_however_late_its_code_was_made(
    world: World, clock: Any
) -> None:
    """The change began before the code was made and is only seen after: its date is the older one."""
    app = (await start(world))[0]
    browser = world.browser()
    await browser.sign_in(ANA)
    clock.advance(60)
    first = (await world.redeem(app, (await browser.allow(app))["code"])).json()
    code = (await browser.allow(app))["code"]
    assert (await world.introspect(app, first["access_token"]))["active"]
    await world.write(
        lambda session: users.set_password(session, world.people[ANA], "new digest", now=world.now() - 1)
    )
    response = await world.redeem(app, code)
    assert (response.status_code, response.json().get("error")) == (400, "invalid_grant")
    await refused(world, app, first["refresh_token"])
    assert await world.introspect(app, first["access_token"]) == NOTHING


async def test_row_40_what_happens_to_a_client_ends_what_it_holds(world: World, clock: Any) -> None:
    app, first = await start(
        world, grant_types=["authorization_code", "refresh_token"], redirect_uris=["https://client.test/cb"]
    )
    watcher = await world.add_machine(introspects=[RESOURCE], scopes=[])
    token = first["refresh_token"]
    await _register(world, app, grant_types=["authorization_code"])
    await refused(world, app, token, error="unauthorized_client")
    await _register(world, app, grant_types=["authorization_code", "refresh_token"], scopes=["images:read"])
    second = await refreshed(world, app, token)
    assert second["scope"] == "images:read"
    await world.write(lambda session: clients.disable(session, app.client_id, now=world.now()))
    response = await world.refresh(app, second["refresh_token"])
    assert (response.status_code, response.json().get("error")) == (401, "invalid_client")
    assert await world.introspect(watcher, second["access_token"]) == NOTHING
    clock.advance(0.25)
    await world.write(lambda session: clients.enable(session, app.client_id, now=world.now()))
    assert await world.introspect(watcher, second["access_token"]) == NOTHING
    third = await refreshed(world, app, second["refresh_token"])
    assert (await world.introspect(watcher, third["access_token"]))["active"]


async def test_row_40_scope_and_resource_never_grow(world: World) -> None:
    app, first = await start(world)
    narrow = await refreshed(world, app, first["refresh_token"], scope="images:read")
    assert narrow["scope"] == claims_of(narrow["access_token"])["scope"] == "images:read"
    # What was granted stays; one token of less doesn't lessen it (RFC 6749 §6).
    whole = await refreshed(world, app, narrow["refresh_token"])
    assert whole["scope"] == "images:read images:write"
    for scope in ("images:read gallery:read", "other:read", "images:read  images:write", "openid"):
        response = await world.refresh(app, whole["refresh_token"], scope=scope)
        assert (response.status_code, response.json().get("error")) == (400, "invalid_scope"), scope
    for resource in (OTHER, "https://evil.test"):
        response = await world.refresh(app, whole["refresh_token"], resource=resource)
        assert (response.status_code, response.json().get("error")) == (400, "invalid_target")
    same = await refreshed(world, app, whole["refresh_token"], resource=RESOURCE + "/")
    assert claims_of(same["access_token"])["aud"] == RESOURCE


async def test_row_41_a_family_ends_when_it_idles_and_however_busy_it_is(world: World, clock: Any) -> None:
    app, busy = await start(world)
    idle = await world.tokens(app)
    clock.advance(30 * 86400 - 1)
    idle = await refreshed(world, app, idle["refresh_token"])
    ends = {row["expires_at"] for row in await rows(world)}
    for days in (0, 15, 15):
        clock.advance(days * 86400)
        busy = await refreshed(world, app, busy["refresh_token"])
    await refused(world, app, idle["refresh_token"])
    clock.advance(29 * 86400)
    busy = await refreshed(world, app, busy["refresh_token"])
    assert {row["expires_at"] for row in await rows(world)} == ends
    clock.advance(86400 + 1)
    await refused(world, app, busy["refresh_token"])
    # Nobody has swept yet: both ended by their dates alone, and neither is taken for stolen.
    assert [row["revoked_at"] for row in await rows(world)] == [None, None]
    assert await events(world, "refresh_reuse") == 0

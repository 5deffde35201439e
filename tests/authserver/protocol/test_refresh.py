"""Refresh tokens: rotated at every use, forgiving when an answer got lost, deadly to a thief."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from authserver import audit, credentials
from authserver.oauth import clients, refresh_tokens
from authserver.people import users
from tests.support import authserver as support
from tests.support.clock import ManualClock

from .conftest import Counted
from .flows import OTHER, RESOURCE, App, World, claims_of

ANA = "ana@example.test"


async def start(world: World, auth_method: str = "client_secret_basic", **more: Any) -> tuple[App, Any]:
    await world.add_person()
    app = await world.add_app(auth_method, **more)
    return app, await world.tokens(app)


async def refreshed(world: World, app: App, refresh_token: str, **fields: Any) -> Any:
    response = await world.refresh(app, refresh_token, **fields)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(world: World, app: App, refresh_token: str, error: str = "invalid_grant") -> None:
    response = await world.refresh(app, refresh_token)
    assert (response.status_code, response.json()["error"]) == (400, error), response.text


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post", "none"])
async def test_every_use_brings_a_successor(world: World, auth_method: str, clock: Any) -> None:
    app, first = await start(world, auth_method)
    seen = {first["refresh_token"]}
    family = claims_of(first["access_token"])
    token = first["refresh_token"]
    for _ in range(3):
        clock.advance(100)
        answer = await refreshed(world, app, token)
        assert set(answer) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
        token = answer["refresh_token"]
        assert token not in seen
        seen.add(token)
        claims = claims_of(answer["access_token"])
        for name in ("sub", "aud", "scope", "client_id", "grant_id", "auth_time", "amr", "sid"):
            assert claims[name] == family[name]
        assert claims["iat"] == int(world.now())


async def test_a_refresh_is_one_statement(world: World, counted: Counted) -> None:
    app, first = await start(world)
    second = await refreshed(world, app, first["refresh_token"])
    with counted() as statements:
        await refreshed(world, app, second["refresh_token"])
    own = [text for text in statements if not text.upper().startswith(("BEGIN", "PRAGMA"))]
    assert len(own) == 1
    assert own[0].startswith("UPDATE refresh_tokens")


async def test_a_lost_answer_logs_nobody_out(world: World, clock: Any) -> None:
    app, first = await start(world)
    lost = await refreshed(world, app, first["refresh_token"])
    clock.advance(60)
    again = await refreshed(world, app, first["refresh_token"])
    assert again["refresh_token"] == lost["refresh_token"]
    assert claims_of(again["access_token"])["jti"] != claims_of(lost["access_token"])["jti"]
    assert claims_of(again["access_token"])["iat"] == int(world.now())
    await refreshed(world, app, again["refresh_token"])


async def test_the_grace_begins_with_the_first_use_and_is_not_prolonged(world: World, clock: Any) -> None:
    app, first = await start(world)
    await refreshed(world, app, first["refresh_token"])
    clock.advance(40)
    last = await refreshed(world, app, first["refresh_token"])
    clock.advance(21)
    await refused(world, app, first["refresh_token"])
    await refused(world, app, last["refresh_token"])


@pytest.mark.parametrize(
    ("grace_seconds", "after", "works"), [(0, 0, False), (120, 120, True), (120, 121, False)]
)
async def test_the_grace_is_the_clients_own(
    world: World, grace_seconds: int, after: int, works: bool, clock: Any
) -> None:
    app, first = await start(world, refresh_grace_seconds=grace_seconds)
    await refreshed(world, app, first["refresh_token"])
    clock.advance(after)
    assert ((await world.refresh(app, first["refresh_token"])).status_code == 200) is works


async def test_an_old_token_ends_the_family(world: World, clock: Any) -> None:
    app, first = await start(world)
    second = await refreshed(world, app, first["refresh_token"])
    third = await refreshed(world, app, second["refresh_token"])
    await refused(world, app, first["refresh_token"])
    await refused(world, app, second["refresh_token"])
    await refused(world, app, third["refresh_token"])
    for answer in (first, second, third):
        assert await world.introspect(app, answer["access_token"]) == {"active": False}
    assert await events(world, "refresh_reuse") == 1


async def events(world: World, name: str) -> int:
    query = sa.select(sa.func.count()).select_from(audit.table).where(audit.table.c.event == name)
    counted: int = await world.server.state.database.read(lambda session: session.execute(query).scalar_one())
    return counted


async def test_nobody_else_can_use_or_end_a_token(world: World) -> None:
    app, first = await start(world)
    second = await refreshed(world, app, first["refresh_token"])
    other, public = await world.add_app(), await world.add_app("none")
    for stranger in (other, public):
        for token in (first["refresh_token"], second["refresh_token"]):
            await refused(world, stranger, token)
    unauthenticated = await world.refresh(App(app.client_id, None, "none"), second["refresh_token"])
    assert (unauthenticated.status_code, unauthenticated.json()["error"]) == (401, "invalid_client")
    await refreshed(world, app, second["refresh_token"])


async def test_a_mutated_token_is_an_unknown_token(world: World) -> None:
    app, first = await start(world)
    token = first["refresh_token"]
    for mutated in (
        token[:-1],
        token + "a",
        token.swapcase(),
        token[: len(token) // 2],
        token + "\n",
        "rt_",
        "x",
        'rt_"\\é',
        "rt_" + "0" * 200,
    ):
        await refused(world, app, mutated)
    await refreshed(world, app, token)


async def test_a_token_that_we_never_made_ends_nothing(world: World) -> None:
    """Knowing a family's id isn't enough: the tag in the token has to be ours."""
    app, first = await start(world)
    payload = credentials.decode(first["refresh_token"], "rt")
    assert payload is not None
    for forged in (
        payload[:16] + bytes(48),
        payload[:16] + bytes(32) + payload[48:],
        payload[:48] + bytes(16),
    ):
        await refused(world, app, credentials.encode("rt", forged))
    await refreshed(world, app, first["refresh_token"])


async def test_the_scope_narrows_for_one_token_and_never_grows(world: World) -> None:
    app, first = await start(world)
    narrow = await refreshed(world, app, first["refresh_token"], scope="images:read")
    assert narrow["scope"] == claims_of(narrow["access_token"])["scope"] == "images:read"
    whole = await refreshed(world, app, narrow["refresh_token"])
    assert whole["scope"] == "images:read images:write"
    for scope in ("images:read gallery:read", "other:read", "images:read  images:write"):
        response = await world.refresh(app, whole["refresh_token"], scope=scope)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")
    await refreshed(world, app, whole["refresh_token"])


async def test_the_resource_stays_the_same(world: World) -> None:
    app, first = await start(world)
    response = await world.refresh(app, first["refresh_token"], resource=OTHER)
    assert response.json()["error"] == "invalid_target"
    same = await refreshed(world, app, first["refresh_token"], resource=RESOURCE + "/")
    assert claims_of(same["access_token"])["aud"] == RESOURCE


async def test_a_family_ends_after_idling_thirty_days(world: World, clock: Any) -> None:
    app, first = await start(world)
    clock.advance(30 * 86400 - 1)
    second = await refreshed(world, app, first["refresh_token"])
    clock.advance(30 * 86400)
    await refused(world, app, second["refresh_token"])


async def test_a_family_ends_after_ninety_days_however_busy(world: World, clock: Any) -> None:
    app, answer = await start(world)
    for _ in range(4):
        clock.advance(22 * 86400)
        answer = await refreshed(world, app, answer["refresh_token"])
    clock.advance(2 * 86400)
    await refused(world, app, answer["refresh_token"])


async def test_a_disabled_person_gets_nothing(world: World) -> None:
    app, first = await start(world)
    await world.write(lambda session: users.disable(session, world.people[ANA], now=world.now()))
    await refused(world, app, first["refresh_token"])
    assert await world.introspect(app, first["access_token"]) == {"active": False}


async def test_a_new_password_ends_families_from_before(world: World, clock: Any) -> None:
    app, first = await start(world)
    clock.advance(1)
    await world.write(
        lambda session: users.set_password(session, world.people[ANA], "new digest", now=world.now())
    )
    await refused(world, app, first["refresh_token"])


async def test_a_disabled_client_gets_nothing(world: World) -> None:
    app, first = await start(world)
    await world.write(lambda session: clients.disable(session, app.client_id, now=world.now()))
    response = await world.refresh(app, first["refresh_token"])
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_scopes_taken_from_the_client_are_not_given_again(world: World) -> None:
    app, first = await start(world)

    async def register(*scopes: str) -> None:
        await world.write(
            lambda session: clients.update(session, app.client_id, now=world.now(), scopes=scopes)
        )

    await register("images:read")
    second = await refreshed(world, app, first["refresh_token"])
    assert second["scope"] == "images:read"
    await register("gallery:read")
    await refused(world, app, second["refresh_token"])


async def test_a_new_secret_key_ends_no_family(database_url: str, clock: ManualClock) -> None:
    fresh = credentials.new_secret_key()
    async with support.running(support.configured(database_url), clock) as server:
        before = World(server)
        await before.add_apis()
        app, first = await start(before)
        idle = await before.tokens(app)
        lost = await refreshed(before, app, first["refresh_token"])
    changed = support.configured(database_url, secret_key=f"{fresh},{support.SECRET_KEY}")
    async with support.running(changed, clock) as server:
        after = World(server)
        again = await refreshed(after, app, first["refresh_token"])
        assert again["refresh_token"] == lost["refresh_token"]
        second = await refreshed(after, app, lost["refresh_token"])
        await refreshed(after, app, second["refresh_token"])
        await refreshed(after, app, idle["refresh_token"])
        # A token made with the old key is still known for ours when it comes too late.
        await refused(after, app, first["refresh_token"])
        assert await events(after, "refresh_reuse") == 1


async def test_the_database_holds_no_token(world: World) -> None:
    app, first = await start(world)
    second = await refreshed(world, app, first["refresh_token"])
    rows = await world.server.state.database.read(
        lambda session: [dict(row) for row in session.execute(sa.select(refresh_tokens.table)).mappings()]
    )
    assert len(rows) == 1
    for token in (first["refresh_token"], second["refresh_token"]):
        secret = token.removeprefix("rt_")
        assert secret not in repr(rows)
        assert token.encode() not in b"".join(value for value in rows[0].values() if isinstance(value, bytes))

"""Refresh tokens: rotated at every use, forgiving when an answer got lost, deadly to a thief."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from authserver import audit, credentials
from authserver.oauth import refresh_tokens
from tests.support import authserver as support
from tests.support.clock import ManualClock

from .conftest import Counted
from .flows import App, World, claims_of

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
    assert (response.status_code, response.json().get("error")) == (400, error), response.text


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


async def events(world: World, name: str) -> int:
    query = sa.select(sa.func.count()).select_from(audit.table).where(audit.table.c.event == name)
    counted: int = await world.server.state.database.read(lambda session: session.execute(query).scalar_one())
    return counted


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

"""Introspection (RFC 7662): the truth for those concerned, exactly nothing for everyone else."""

from __future__ import annotations

from typing import Any

from authserver.oauth import clients

from .flows import OTHER, RESOURCE, App, World, claims_of

NOTHING = {"active": False}


async def start(world: World) -> tuple[App, Any]:
    await world.add_person()
    app = await world.add_app()
    return app, await world.tokens(app)


async def test_a_client_learns_about_its_own_access_token(world: World) -> None:
    app, tokens = await start(world)
    response = await world.post("/oauth/introspect", app, token=tokens["access_token"])
    assert response.headers["cache-control"] == "no-store"
    claims = claims_of(tokens["access_token"])
    assert response.json() == {"active": True, "token_type": "Bearer", **claims}


async def test_a_client_learns_about_its_own_refresh_token(world: World, clock: Any) -> None:
    app, tokens = await start(world)
    answer = await world.introspect(app, tokens["refresh_token"])
    assert answer["active"]
    assert answer["client_id"] == app.client_id
    assert answer["sub"] == world.people["ana@example.test"]
    assert answer["scope"] == "images:read images:write"
    assert answer["exp"] == int(world.now()) + 30 * 86400
    await world.refresh(app, tokens["refresh_token"])
    clock.advance(61)
    assert await world.introspect(app, tokens["refresh_token"]) == NOTHING


async def test_an_apis_own_client_learns_about_its_tokens(world: World) -> None:
    _, tokens = await start(world)
    api = await world.add_machine(introspects=[RESOURCE], scopes=[])
    other_api = await world.add_machine(introspects=[OTHER], scopes=[])
    assert (await world.introspect(api, tokens["access_token"]))["active"]
    assert await world.introspect(other_api, tokens["access_token"]) == NOTHING
    # A refresh token is for nobody but its client.
    assert await world.introspect(api, tokens["refresh_token"]) == NOTHING


async def test_disabling_a_client_ends_what_it_holds(world: World, clock: Any) -> None:
    app, tokens = await start(world)
    api = await world.add_machine(introspects=[RESOURCE], scopes=[])
    assert (await world.introspect(api, tokens["access_token"]))["active"]
    await world.write(lambda session: clients.disable(session, app.client_id, now=world.now()))
    assert await world.introspect(api, tokens["access_token"]) == NOTHING
    clock.advance(1)
    await world.write(lambda session: clients.enable(session, app.client_id, now=world.now()))
    assert await world.introspect(api, tokens["access_token"]) == NOTHING
    newer = (await world.tokens(app))["access_token"]
    assert (await world.introspect(api, newer))["active"]

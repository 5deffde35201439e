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


async def test_everyone_else_learns_nothing(world: World) -> None:
    app, tokens = await start(world)
    stranger = await world.add_app()
    token = tokens["access_token"]
    head, body, signature = token.split(".")
    for nonsense in (
        token[:-1],
        token + "x",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{signature}.{body}.{head}",
        "x",
        "rt_x",
        'x"é',
        "a.b.c",
        "x" * 30000,
    ):
        assert await world.introspect(app, nonsense) == NOTHING
    for one in tokens["access_token"], tokens["refresh_token"]:
        assert await world.introspect(stranger, one) == NOTHING


async def test_asking_takes_a_secret(world: World) -> None:
    app, tokens = await start(world)
    public = await world.add_app("none")
    for asking in (None, public, App(app.client_id, None, "none")):
        response = await world.post("/oauth/introspect", asking, token=tokens["access_token"])
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    nothing = await world.post("/oauth/introspect", app)
    assert (nothing.status_code, nothing.json()["error"]) == (400, "invalid_request")


async def test_an_expired_token_is_inactive_to_the_second(world: World, clock: Any) -> None:
    app, tokens = await start(world)
    clock.advance(claims_of(tokens["access_token"])["exp"] - world.now() - 0.5)
    assert (await world.introspect(app, tokens["access_token"]))["active"]
    clock.advance(0.5)
    assert await world.introspect(app, tokens["access_token"]) == NOTHING


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

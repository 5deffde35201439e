"""Revocation (RFC 7009): every client its own tokens, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from .flows import App, World


async def start(world: World, auth_method: str = "client_secret_basic") -> tuple[App, Any]:
    await world.add_person()
    app = await world.add_app(auth_method)
    return app, await world.tokens(app)


async def revoke(world: World, app: App | None, token: str | None, **more: Any) -> Any:
    return await world.post("/oauth/revoke", app, token=token, **more)


async def looked_at(world: World, app: App, token: str) -> bool:
    """Whether a token is active; a public client can't ask, so an API's own client does."""
    watcher = app if app.secret else await world.add_machine(introspects=["https://gallery.test"])
    return bool((await world.introspect(watcher, token))["active"])


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_refresh_token_ends_with_all_that_came_of_it(world: World, auth_method: str) -> None:
    app, tokens = await start(world, auth_method)
    for hint in (None, "refresh_token", "access_token", "junk", 'x"é'):
        newer = (await world.refresh(app, tokens["refresh_token"])).json()
        response = await revoke(world, app, newer["refresh_token"], token_type_hint=hint)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert (await world.refresh(app, newer["refresh_token"])).json()["error"] == "invalid_grant"
        for answer in (tokens, newer):
            assert not await looked_at(world, app, answer["access_token"])
        tokens = await world.tokens(app)


async def test_a_rotated_token_still_ends_its_family(world: World) -> None:
    app, tokens = await start(world)
    newer = (await world.refresh(app, tokens["refresh_token"])).json()
    assert (await revoke(world, app, tokens["refresh_token"])).status_code == 200
    assert (await world.refresh(app, newer["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token"])
async def test_an_access_token_ends_alone(world: World, hint: str | None) -> None:
    app, tokens = await start(world)
    assert (await revoke(world, app, tokens["access_token"], token_type_hint=hint)).status_code == 200
    assert not await looked_at(world, app, tokens["access_token"])
    newer = await world.refresh(app, tokens["refresh_token"])
    assert newer.status_code == 200
    assert await looked_at(world, app, newer.json()["access_token"])


async def test_a_machines_token_can_be_revoked(world: World) -> None:
    app = await world.add_machine()
    token = (await world.token(app, grant_type="client_credentials")).json()["access_token"]
    assert await looked_at(world, app, token)
    assert (await revoke(world, app, token)).status_code == 200
    assert not await looked_at(world, app, token)


async def test_strangers_and_nonsense_change_nothing(world: World) -> None:
    app, tokens = await start(world)
    other, public = await world.add_app(), await world.add_app("none")
    for stranger in (other, public):
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert (await revoke(world, stranger, token)).status_code == 200
    for nonsense in ("x", "rt_x", "a.b.c", tokens["access_token"][:-1], 'x"é\x7f', "x" * 30000):
        assert (await revoke(world, app, nonsense)).status_code == 200
    assert await looked_at(world, app, tokens["access_token"])
    assert (await world.refresh(app, tokens["refresh_token"])).status_code == 200


async def test_revoking_needs_a_client_and_a_token(world: World) -> None:
    app, tokens = await start(world)
    nobody = await revoke(world, None, tokens["refresh_token"])
    assert (nobody.status_code, nobody.json()["error"]) == (401, "invalid_client")
    unproven = await revoke(world, App(app.client_id, None, "none"), tokens["refresh_token"])
    assert unproven.status_code == 401
    nothing = await revoke(world, app, None)
    assert (nothing.status_code, nothing.json()["error"]) == (400, "invalid_request")
    assert (await world.refresh(app, tokens["refresh_token"])).status_code == 200


async def test_revoking_twice_is_fine(world: World) -> None:
    app, tokens = await start(world)
    for token in (tokens["refresh_token"], tokens["access_token"]):
        for _ in range(2):
            assert (await revoke(world, app, token)).status_code == 200

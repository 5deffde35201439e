"""Revocation (RFC 7009): every client may end its own tokens, a public one by its id."""

from __future__ import annotations

import pytest

from .flows import World


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_client_ends_its_own_tokens_and_may_do_so_twice(world: World, auth_method: str) -> None:
    await world.add_person()
    app = await world.add_app(auth_method)
    watcher = await world.add_machine(introspects=["https://gallery.test"])
    first = await world.tokens(app)
    second = (await world.refresh(app, first["refresh_token"])).json()
    for token, left in ((first["access_token"], True), (second["refresh_token"], False)):
        for _ in range(2):
            response = await world.post("/oauth/revoke", app, token=token)
            assert response.status_code == 200
        assert not (await world.introspect(watcher, first["access_token"]))["active"]
        assert (await world.introspect(watcher, second["access_token"]))["active"] is left
    assert (await world.refresh(app, second["refresh_token"])).json().get("error") == "invalid_grant"

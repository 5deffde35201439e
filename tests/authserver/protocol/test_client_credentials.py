"""`client_credentials`: a client acts for itself."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest

from authserver import apis
from authserver.oauth import messages

from .conftest import Counted
from .flows import OTHER, RESOURCE, World, claims_of, header_of


async def test_a_client_gets_a_token_of_its_own(world: World) -> None:
    app = await world.add_machine()
    response = await world.token(app, grant_type="client_credentials", scope="images:read")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 300, "images:read")

    claims = claims_of(answer["access_token"])
    assert set(claims) == {"iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope"}
    assert claims["iss"] == world.server.settings.issuer
    assert claims["sub"] == claims["client_id"] == app.client_id
    assert claims["aud"] == RESOURCE
    assert claims["iat"] == int(world.now())
    assert claims["exp"] - claims["iat"] == answer["expires_in"]
    header = header_of(answer["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    key_set = (await world.client.get("/.well-known/jwks.json")).json()
    assert header["kid"] in {key["kid"] for key in key_set["keys"]}


async def test_every_token_has_an_id_of_its_own(world: World) -> None:
    app = await world.add_machine()
    tokens = [
        (await world.token(app, grant_type="client_credentials")).json()["access_token"] for _ in range(5)
    ]
    assert len({claims_of(token)["jti"] for token in tokens}) == 5


async def test_without_a_scope_the_client_gets_what_it_registered(world: World) -> None:
    app = await world.add_machine(scopes=["images:write", "gallery:read", "openid"])
    answer = (await world.token(app, grant_type="client_credentials")).json()
    assert answer["scope"] == "images:write gallery:read"


async def test_a_lifetime_is_the_clients_own(world: World) -> None:
    app = await world.add_machine(access_token_seconds=60)
    answer = (await world.token(app, grant_type="client_credentials")).json()
    claims = claims_of(answer["access_token"])
    assert answer["expires_in"] == claims["exp"] - claims["iat"] == 60


async def test_else_a_lifetime_is_the_apis(world: World) -> None:
    def work(session: Any) -> None:
        apis.create(session, "https://brief.test", "Brief", world.now(), access_token_seconds=90)
        apis.add_scope(session, "https://brief.test", "brief:read", "x", "y", world.now())

    await world.write(work)
    for more, seconds in (({}, 90), ({"access_token_seconds": 120}, 120)):
        app = await world.add_machine(scopes=["brief:read"], **more)
        answer = (await world.token(app, grant_type="client_credentials")).json()
        assert answer["expires_in"] == seconds


async def test_a_warm_token_request_runs_no_statement(world: World, counted: Counted) -> None:
    app = await world.add_machine()
    await world.token(app, grant_type="client_credentials")
    with counted() as statements:
        response = await world.token(app, grant_type="client_credentials", resource=RESOURCE)
    assert response.status_code == 200
    assert statements == []


REFUSED: tuple[tuple[dict[str, object], str], ...] = (
    ({"scope": "nobody:knows"}, "invalid_scope"),
    ({"scope": "other:read"}, "invalid_scope"),
    ({"scope": "openid"}, "invalid_scope"),
    ({"resource": "https://nobody.test"}, "invalid_target"),
    ({"resource": "not a uri"}, "invalid_target"),
    ({"resource": RESOURCE + "#x"}, "invalid_target"),
    ({"resource": RESOURCE + "/path"}, "invalid_target"),
    ({"resource": [RESOURCE, OTHER]}, "invalid_target"),
    ({"resource": OTHER, "scope": "images:read"}, "invalid_scope"),
    ({"resource": OTHER}, "invalid_scope"),
)


async def test_what_the_client_may_not_have_is_refused(world: World) -> None:
    app = await world.add_machine(scopes=["images:read", "images:write", "openid"])
    for fields, error in REFUSED:
        response = await world.token(app, grant_type="client_credentials", **fields)
        assert (response.status_code, response.json().get("error")) == (400, error), fields
        assert response.headers["cache-control"] == "no-store"
        assert response.json()["error_uri"] == f"{world.server.settings.issuer}/docs/errors/{error}"


async def test_the_resource_chooses_among_the_clients_apis(world: World) -> None:
    app = await world.add_machine(scopes=["images:read", "other:read"])
    both = await world.token(app, grant_type="client_credentials")
    assert both.json().get("error") == "invalid_scope"
    assert "several APIs" in both.json()["error_description"]
    for resource, scope in ((RESOURCE, "images:read"), (OTHER, "other:read")):
        answer = (await world.token(app, grant_type="client_credentials", resource=resource)).json()
        assert answer["scope"] == scope
        assert claims_of(answer["access_token"])["aud"] == resource


async def test_a_slash_after_a_bare_origin_is_forgiven(world: World) -> None:
    app = await world.add_machine()
    for resource in (RESOURCE, RESOURCE + "/", [RESOURCE, RESOURCE]):
        answer = (await world.token(app, grant_type="client_credentials", resource=resource)).json()
        assert claims_of(answer["access_token"])["aud"] == RESOURCE


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post"])
async def test_no_secret_stays_in_memory_until_the_garbage_collector_comes(
    world: World, auth_method: str
) -> None:
    app = await world.add_app(auth_method=auth_method, grant_types=["client_credentials"])
    wrong = replace(app, secret="cs_wrong")
    gc.collect()
    gc.disable()
    try:
        assert (await world.token(app, grant_type="client_credentials")).status_code == 200
        assert (await world.token(app, grant_type="password")).status_code == 400
        assert (await world.token(wrong, grant_type="client_credentials")).status_code == 401
        kept = [thing for thing in gc.get_objects() if isinstance(thing, messages.Presented)]
    finally:
        gc.enable()
    assert [one for one in kept if one.secret is not None] == []

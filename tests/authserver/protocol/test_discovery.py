"""What programs read to find their way here, and which scripts may read it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from authserver import apis
from authserver.oauth import clients, grants, signing_keys
from keys import errors

from .flows import World, header_of
from .test_authorize import MISTAKES

METADATA = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"


async def test_the_metadata_says_what_there_is(world: World) -> None:
    response = await world.client.get(METADATA)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    document = response.json()
    AuthorizationServerMetadata(document).validate()
    issuer = world.server.settings.issuer
    assert document["issuer"] == issuer
    assert document["grant_types_supported"] == [grant.GRANT_TYPE for grant, _ in grants.ALL]
    assert document["response_types_supported"] == ["code"]
    assert document["response_modes_supported"] == ["query"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    methods = {"client_secret_basic", "client_secret_post", "none"}
    assert set(document["token_endpoint_auth_methods_supported"]) == methods
    assert set(document["revocation_endpoint_auth_methods_supported"]) == methods
    assert set(document["introspection_endpoint_auth_methods_supported"]) == methods - {"none"}
    assert {"images:read", "other:read", "openid"} <= set(document["scopes_supported"])
    assert document["protected_resources"] == ["https://gallery.test", "https://other.test"]


async def test_every_address_in_the_metadata_answers(world: World) -> None:
    document = (await world.client.get(METADATA)).json()
    for name, value in document.items():
        if name.endswith("_endpoint") or name in ("jwks_uri", "service_documentation"):
            response = await world.client.get(value)
            assert response.status_code in (200, 400, 405), name


async def test_a_new_scope_appears_at_once(world: World) -> None:
    await world.write(
        lambda session: apis.add_scope(session, "https://other.test", "other:write", "x", "y", world.now())
    )
    assert "other:write" in (await world.client.get(METADATA)).json()["scopes_supported"]


async def test_there_is_no_openid_configuration_yet(world: World) -> None:
    assert (await world.client.get("/.well-known/openid-configuration")).status_code == 404


async def test_the_metadata_does_not_depend_on_the_host_header(world: World) -> None:
    honest = await world.client.get(METADATA)
    hostile = await world.client.get(
        METADATA, headers={"host": "evil.test", "x-forwarded-host": "evil.test", "x-forwarded-proto": "ftp"}
    )
    assert hostile.content == honest.content


async def test_the_key_set_is_public_and_cacheable(world: World) -> None:
    response = await world.client.get(JWKS)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers["content-type"].startswith("application/jwk-set+json")
    keys = response.json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
    etag = response.headers["etag"]
    for value in (etag, f'"other", {etag}', f"W/{etag}"):
        again = await world.client.get(JWKS, headers={"if-none-match": value})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert (await world.client.get(JWKS, headers={"if-none-match": '"other"'})).status_code == 200


async def test_key_set_and_metadata_are_read_only(world: World) -> None:
    for path in (JWKS, METADATA):
        for method in ("POST", "PUT", "DELETE"):
            assert (await world.client.request(method, path)).status_code == 405


async def test_public_documents_are_readable_from_every_origin(world: World) -> None:
    for path in (JWKS, METADATA):
        response = await world.client.get(path, headers={"origin": "https://anywhere.test"})
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


async def preflight(world: World, path: str, origin: str) -> Any:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    return await world.client.options(path, headers=headers)


async def test_a_registered_origin_may_call_us(world: World) -> None:
    origin = "https://spa.test"
    app = await world.add_app("none", origins=[origin])
    other = await world.add_machine(auth_method="client_secret_post")
    for path in ("/oauth/token", "/oauth/revoke"):
        allowed = await preflight(world, path, origin)
        assert allowed.headers["access-control-allow-origin"] == origin
        assert allowed.headers["access-control-allow-methods"] == "POST"
        assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
        for stranger in ("https://evil.test", "https://spa.test.evil.test", "null", "http://spa.test"):
            assert "access-control-allow-origin" not in (await preflight(world, path, stranger)).headers

    async def readable(app: Any, origin: str, **fields: Any) -> bool:
        sent = app.credentials()["data"]
        response = await world.client.post(
            "/oauth/token", data={**sent, **fields}, headers={"origin": origin}
        )
        assert "origin" in response.headers["vary"].lower()
        return response.headers.get("access-control-allow-origin") == origin

    refused = {"grant_type": "refresh_token", "refresh_token": "x"}
    assert await readable(app, origin, **refused)
    assert not await readable(app, "https://evil.test", **refused)
    assert not await readable(other, origin, grant_type="client_credentials")
    assert not await readable(other, "https://evil.test", grant_type="client_credentials")

    await world.write(lambda session: clients.disable(session, app.client_id, now=world.now()))
    assert "access-control-allow-origin" not in (await preflight(world, "/oauth/token", origin)).headers
    assert not await readable(app, origin, **refused)


async def test_introspection_and_authorization_are_for_no_script(world: World) -> None:
    origin = "https://spa.test"
    await world.add_app("none", origins=[origin])
    for path in ("/oauth/introspect", "/oauth/authorize"):
        assert "access-control-allow-origin" not in (await preflight(world, path, origin)).headers
        response = await world.client.post(path, headers={"origin": origin}, data={"token": "x"})
        assert "access-control-allow-origin" not in response.headers


async def test_a_young_key_does_not_sign_unless_it_must(world: World) -> None:
    with pytest.raises(errors.NextKeyTooYoungError):
        await world.write(lambda session: signing_keys.rotate(world.oauth, session))
    before = (await world.client.get(JWKS)).json()["keys"]
    await world.write(lambda session: signing_keys.rotate(world.oauth, session, emergency=True))
    app = await world.add_machine()
    token = (await world.token(app, grant_type="client_credentials")).json()["access_token"]
    assert header_of(token)["kid"] in {key["kid"] for key in before}


async def test_private_keys_are_sealed_and_can_be_sealed_anew(world: World) -> None:
    def sealed(session: Any) -> list[bytes]:
        return [bytes(value) for value in session.execute(sa.select(signing_keys.table.c.sealed)).scalars()]

    before = await world.server.state.database.read(sealed)
    assert await world.write(lambda session: signing_keys.reseal(world.oauth, session)) == 2
    after = await world.server.state.database.read(sealed)
    assert not set(before) & set(after)
    app = await world.add_machine()
    assert (await world.token(app, grant_type="client_credentials")).status_code == 200


async def test_every_error_has_its_page(world: World) -> None:
    codes = {error for _, error in MISTAKES.values()} | {
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "access_denied",
        "consent_required",
        "temporarily_unavailable",
        "redirect_uri_mismatch",
    }
    for code in sorted(codes):
        assert (await world.client.get(f"/docs/errors/{code}")).status_code == 200, code

"""Group G: DPoP, pushed requests and client certificates aren't offered, so nothing of them may have an effect."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from tests.authserver.protocol.flows import World, claims_of, header_of
from tests.resource_api import callers

ADDED = re.compile("dpop|pushed|par_|tls|certificate|mtls|request_object|request_uri|request_parameter")


def proof(**changed: Any) -> str:
    """A DPoP proof as far as its looks go."""
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}}
    claims = {"jti": "1", "htm": "POST", "htu": "http://localhost:8000/oauth/token", "iat": 1_800_000_000}
    parts = [json.dumps(part).encode() for part in (header, claims | changed)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


CERTIFICATES = {
    "x-ssl-client-cert": "-----BEGIN CERTIFICATE-----",
    "x-forwarded-client-cert": 'Hash=00;Subject="CN=app";URI=',
    "x_ssl_client_cert": "MIIB",
    "x-client-cert": "MIIB",
    "client-cert": ":MIIB:",
    "ssl-client-cert": "MIIB",
    "ssl-client-verify": "SUCCESS",
    "x-ssl-client-verify": "SUCCESS",
    "x-ssl-client-s-dn": "CN=app",
}
PROOFS = ({"dpop": proof()}, {"dpop": "junk"}, {"dpop": proof(htm="GET")})


async def test_row_62_to_67_nothing_of_them_is_announced(world: World, gallery: Any) -> None:
    ours = (await world.client.get("/.well-known/oauth-authorization-server")).json()
    theirs = (await gallery.client.get("/.well-known/oauth-protected-resource")).json()
    assert [name for name in (*ours, *theirs) if ADDED.search(name)] == []
    methods = {
        method for name, value in ours.items() if name.endswith("methods_supported") for method in value
    }
    assert methods == {"client_secret_basic", "client_secret_post", "none", "S256"}
    assert theirs["bearer_methods_supported"] == ["header"]
    app = await world.add_app("client_secret_post")
    for path in ("/oauth/par", "/oauth/device_authorization", "/oauth/register", "/oauth/bc-authorize"):
        for method in ("GET", "POST"):
            response = await world.client.request(method, path, data=app.credentials()["data"])
            assert response.status_code == 404, path


async def test_row_62_to_65_a_proof_changes_nothing_and_binds_nothing(world: World) -> None:
    await world.add_person()
    app = await world.add_app("none")
    code = await world.code(app, dpop_jkt="x" * 43)
    tokens = (await world.redeem(app, code)).json()
    for headers in PROOFS:
        form = {"grant_type": "refresh_token", "client_id": app.client_id}
        response = await world.client.post(
            "/oauth/token", data={**form, "refresh_token": tokens["refresh_token"]}, headers=headers
        )
        assert response.status_code == 200, headers
        tokens = response.json()
        assert tokens["token_type"] == "Bearer"
        assert "cnf" not in claims_of(tokens["access_token"])
        assert header_of(tokens["access_token"])["typ"] == "at+jwt"
        assert "dpop-nonce" not in response.headers
    # A proof is no credential either.
    confidential = await world.add_machine()
    for headers in PROOFS:
        form = {"grant_type": "client_credentials", "client_id": confidential.client_id}
        response = await world.client.post("/oauth/token", data=form, headers=headers)
        assert (response.status_code, response.json().get("error")) == (401, "invalid_client")


async def test_row_63_a_token_goes_by_bearer_and_by_no_other_scheme(gallery: Any) -> None:
    bearer = callers.headers(gallery, callers.ANA)["Authorization"]
    token = bearer.removeprefix("Bearer ")
    for given in (
        {"Authorization": f"DPoP {token}"},
        {"Authorization": f"DPoP {token}", "DPoP": proof(ath="x")},
    ):
        response = await gallery.client.get("/images", headers=given)
        assert response.status_code == 401, given
        assert response.headers["www-authenticate"].startswith("Bearer")
    for more in ({}, {"DPoP": "junk"}):
        assert (
            await gallery.client.get("/images", headers={"Authorization": bearer, **more})
        ).status_code == 200


async def test_row_67_a_certificate_in_a_header_proves_nothing(world: World, gallery: Any) -> None:
    app = await world.add_machine()
    form = {"grant_type": "client_credentials", "token": "x"}
    basic = app.credentials()["headers"]
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        response = await world.client.post(
            path, data={**form, "client_id": app.client_id}, headers=CERTIFICATES
        )
        assert (response.status_code, response.json().get("error")) == (401, "invalid_client"), path
        good = await world.client.post(path, data=form, headers={**CERTIFICATES, **basic})
        assert good.status_code == 200, path
    assert (await gallery.client.get("/images", headers=CERTIFICATES)).status_code == 401
    good = await gallery.client.get(
        "/images", headers={**CERTIFICATES, **callers.headers(gallery, callers.ANA)}
    )
    assert good.status_code == 200

"""Whatever is sent, the answer is a clear refusal; nothing hostile becomes a failure of ours."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .flows import BROWSER, VERIFIER, World, request_for

HOSTILE = (
    '"',
    "\\",
    "é",
    "\N{GRINNING FACE}",
    "\x01",
    "\x7f",
    "\u202e",
    "\ufeff",
    "'; DROP TABLE clients; --",
    "<script>alert(1)</script>",
    "%00",
    "%",
    "x" * 20_000,
    "[]",
    "{}",
    "null",
    "../../etc/passwd",
    "\r\nX-Evil: 1",
    "٣",
)
FORMS: dict[str, dict[str, str]] = {
    "authorization_code": {
        "grant_type": "authorization_code",
        "code": "ac_x",
        "redirect_uri": "https://client.test/cb",
        "code_verifier": VERIFIER,
    },
    "refresh_token": {"grant_type": "refresh_token", "refresh_token": "rt_x", "scope": "images:read"},
    "client_credentials": {
        "grant_type": "client_credentials",
        "scope": "images:read",
        "resource": "https://x",
    },
    "password": {"grant_type": "password", "username": "ana@example.test", "password": "x"},
    "revoke": {"token": "x", "token_type_hint": "access_token"},
    "introspect": {"token": "x", "token_type_hint": "access_token"},
}


@pytest.mark.parametrize("form", FORMS)
async def test_hostile_values_get_an_oauth_error(world: World, form: str) -> None:
    grants = ["password"] if form == "password" else ["client_credentials"]
    app = await world.add_app(
        "client_secret_post", grant_types=grants, first_party=form == "password", redirect_uris=[]
    )
    path = f"/oauth/{form}" if form in ("revoke", "introspect") else "/oauth/token"
    good = {**FORMS[form], "client_id": app.client_id, "client_secret": app.secret}
    for name in [*good, "unknown"]:
        for value in HOSTILE:
            response = await world.client.post(path, data={**good, name: value})
            assert response.status_code in (200, 400, 401, 413, 429), (name, value, response.status_code)
            if response.status_code != 200:
                answer = response.json()
                assert set(answer) == {"error", "error_description", "error_uri"}
                assert answer["error_description"].isascii()
                assert not set('"\\') & set(answer["error_description"])
            assert "x-evil" not in response.headers


async def test_hostile_values_at_the_authorization_endpoint_are_answered(world: World) -> None:
    app = await world.add_app()
    good = request_for(app, resource="https://gallery.test", prompt="login", max_age="1", login_hint="x")
    for name in [*good, "unknown", "response_mode", "claims", "id_token_hint"]:
        for value in HOSTILE:
            sent = {**good, name: value}
            for response in (
                await world.client.post("/oauth/authorize", data=sent, headers=BROWSER),
                await world.client.get("/oauth/authorize", params=sent, headers=BROWSER),
            ):
                assert response.status_code in (303, 400, 413), (name, value, response.status_code)
                assert "x-evil" not in response.headers
                assert "<script>" not in response.text
                if response.status_code == 303:
                    location = response.headers["location"]
                    assert location.isascii()
                    assert location.startswith(("/login?request=ar_", "https://client.test/cb?"))
                else:
                    assert "location" not in response.headers


BODIES = (
    b"grant_type=client_credentials&client_id=%ED%A0%80",
    b"grant_type=%ff",
    b"grant_type=%00",
    b"grant_type=client_credentials&client_id=app_\x00",
    b"&".join(b"a%d=1" % number for number in range(200)),
    b"a=" + b"x" * 70_000,
    b"=&=&==",
    b"&&&",
    b"%",
    b"",
)
PATHS = ("/oauth/token", "/oauth/revoke", "/oauth/introspect")


async def test_bodies_that_are_no_form_are_refused(world: World) -> None:
    for path, body in itertools.product(PATHS, BODIES):
        response = await world.client.post(
            path, content=body, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert response.status_code in (400, 401, 413), (path, body[:40])


async def test_other_content_types_are_no_form(world: World) -> None:
    kinds = ("", "text/plain", "application/json", "multipart/form-data; boundary=x")
    for path, kind in itertools.product(PATHS, kinds):
        response = await world.client.post(path, content=b"grant_type=x", headers={"content-type": kind})
        assert (response.status_code, response.json().get("error")) == (400, "invalid_request")


async def test_other_charsets_are_refused(world: World) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-16"}
    response = await world.client.post("/oauth/token", content=b"grant_type=x", headers=headers)
    assert (response.status_code, response.json().get("error")) == (400, "invalid_request")


async def test_a_refusal_names_no_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    app = await world.add_app()
    secret: Any = "cs_a-secret-that-nobody-may-read"
    for fields in (
        {"grant_type": "password", "username": "x", "password": secret},
        {"grant_type": "refresh_token", "refresh_token": secret},
        {"grant_type": "authorization_code", "code": secret, "code_verifier": secret * 2},
        {"grant_type": secret},
    ):
        response = await world.token(app, **fields)
        assert secret not in response.text
    assert secret not in caplog.text

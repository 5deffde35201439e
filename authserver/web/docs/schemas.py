"""The shapes of JSON answers, as components of the OpenAPI document."""

from __future__ import annotations

from typing import Any


def _object(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


TEXT = {"type": "string"}
URI = {"type": "string", "format": "uri"}
TEXTS = {"type": "array", "items": TEXT}
NUMBER = {"type": "integer"}

SCHEMAS: dict[str, dict[str, Any]] = {
    "Token": _object(
        ("access_token", "token_type", "expires_in", "scope"),
        access_token={**TEXT, "description": "A signed JWT (RFC 9068)."},
        token_type={"type": "string", "const": "Bearer"},
        expires_in={**NUMBER, "description": "Seconds the access token lives."},
        scope={**TEXT, "description": "What it allows, separated by spaces."},
        refresh_token={**TEXT, "description": "Where the grant gives one."},
    ),
    "Error": _object(
        ("error",),
        error=TEXT,
        error_description=TEXT,
        error_uri=URI,
    ),
    "Problem": _object(
        ("type", "title", "status"),
        type=URI,
        title=TEXT,
        status=NUMBER,
        detail=TEXT,
        request_id=TEXT,
        errors={"type": "array", "items": _object(("pointer", "detail"), pointer=TEXT, detail=TEXT)},
    ),
    "Introspection": _object(
        ("active",),
        active={"type": "boolean"},
        scope=TEXT,
        client_id=TEXT,
        sub=TEXT,
        aud=TEXT,
        iss=URI,
        exp=NUMBER,
        iat=NUMBER,
        jti=TEXT,
        token_type=TEXT,
    ),
    "Metadata": _object(
        ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported"),
        issuer=URI,
        authorization_endpoint=URI,
        token_endpoint=URI,
        jwks_uri=URI,
        revocation_endpoint=URI,
        introspection_endpoint=URI,
        scopes_supported=TEXTS,
        response_types_supported=TEXTS,
        grant_types_supported=TEXTS,
        code_challenge_methods_supported=TEXTS,
        token_endpoint_auth_methods_supported=TEXTS,
        authorization_response_iss_parameter_supported={"type": "boolean"},
    ),
    "KeySet": _object(
        ("keys",),
        keys={
            "type": "array",
            "items": _object(("kty", "kid"), kty=TEXT, kid=TEXT, alg=TEXT, use=TEXT, n=TEXT, e=TEXT),
        },
    ),
}

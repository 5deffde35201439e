"""The discovery document (RFC 8414): derived from the grants, endpoints and settings there are, never typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from .. import apis
from . import authorization_parameters, context, grants, pkce, server

# Where each endpoint answers, by Authlib's name of it (`ENDPOINT_NAME`); web/protocol has one file for each.
PATHS = {
    "authorization": "/oauth/authorize",
    "token": "/oauth/token",
    "revocation": "/oauth/revoke",
    "introspection": "/oauth/introspect",
    "jwks": "/.well-known/jwks.json",
}


def document(oauth: context.OAuth, session: Session, *, ui_locales: Sequence[str]) -> dict[str, Any]:
    """The metadata of this server; `ui_locales` are the languages its pages speak."""
    issuer = oauth.settings.issuer
    catalogue = server.make(oauth, session).catalogue()
    classes = [grant for grant, _ in grants.ALL]
    found: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": issuer + PATHS["authorization"],
        "token_endpoint": issuer + PATHS["token"],
        "jwks_uri": issuer + PATHS["jwks"],
        "service_documentation": issuer + "/docs",
        "response_types_supported": _all(getattr(grant, "RESPONSE_TYPES", ()) for grant in classes),
        "response_modes_supported": list(authorization_parameters.RESPONSE_MODES),
        "grant_types_supported": [grant.GRANT_TYPE for grant in classes],
        "token_endpoint_auth_methods_supported": _all(grant.TOKEN_ENDPOINT_AUTH_METHODS for grant in classes),
        "code_challenge_methods_supported": list(pkce.METHODS),
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": sorted(scope.name for api in catalogue.apis for scope in api.scopes)
        + sorted(apis.RESERVED),
        "protected_resources": sorted(api.identifier for api in catalogue.apis),
        "ui_locales_supported": list(ui_locales),
    }
    for endpoint in server.ENDPOINTS:
        name = endpoint.ENDPOINT_NAME
        found[f"{name}_endpoint"] = issuer + PATHS[name]
        found[f"{name}_endpoint_auth_methods_supported"] = list(endpoint.CLIENT_AUTH_METHODS)
    return found


def _all(lists: Any) -> list[str]:
    """Every value once, in the order they first appear."""
    return list(dict.fromkeys(value for values in lists for value in sorted(values)))

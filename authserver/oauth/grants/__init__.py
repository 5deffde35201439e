"""The grants, one file per `grant_type`. Adding one here is all it takes: discovery follows."""

from __future__ import annotations

from typing import Any

from .. import pkce
from . import authorization_code, client_credentials, password, refresh_token

# Each grant with the extensions it is registered with.
ALL: tuple[tuple[type[Any], list[Any]], ...] = (
    (authorization_code.AuthorizationCodeGrant, [pkce.S256(required=True)]),
    (refresh_token.RefreshTokenGrant, []),
    (client_credentials.ClientCredentialsGrant, []),
    (password.PasswordGrant, []),
)

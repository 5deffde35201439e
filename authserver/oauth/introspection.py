"""Introspection (RFC 7662): whether a token is good right now, the deny list included.

Only confidential clients ask, and only about their own tokens or those for an API they are registered for.
Everyone else gets exactly `{"active": false}`, as for a token that never was.
"""

from __future__ import annotations

from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7662 import IntrospectionEndpoint as AuthlibIntrospectionEndpoint

from . import access_tokens, clients, messages, refresh_tokens
from .authorization_server import AuthorizationServer

_SHOWN = (
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "iat",
    "exp",
    "jti",
    "grant_id",
    "auth_time",
    "acr",
    "amr",
    "sid",
)


class IntrospectionEndpoint(AuthlibIntrospectionEndpoint):
    """The token found is made into its answer at once; there is nothing to keep in between."""

    CLIENT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post"]

    server: AuthorizationServer

    def check_params(self, request: messages.ProtocolRequest, client: clients.Client) -> None:
        """Raises InvalidRequestError. The hint only saves a look-up; we need none, so any is fine (§2.1)."""
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def authenticate_token(
        self, request: messages.ProtocolRequest, client: clients.Client
    ) -> dict[str, Any] | None:
        self.check_params(request, client)
        text = request.form["token"]
        return self._refresh_token(text, client) or self._access_token(text, client)

    def create_introspection_payload(self, token: dict[str, Any] | None) -> dict[str, Any]:
        return {"active": False} if token is None else {"active": True} | token

    def _access_token(self, text: str, client: clients.Client) -> dict[str, Any] | None:
        oauth, session = self.server.oauth, self.server.session
        claims = access_tokens.read(oauth, session, text)
        if claims is None or not (
            claims["client_id"] == client.client_id or claims["aud"] in client.introspects
        ):
            return None
        if not access_tokens.is_active(oauth, session, claims):
            return None
        return {"token_type": "Bearer"} | {name: claims[name] for name in _SHOWN if name in claims}

    def _refresh_token(self, text: str, client: clients.Client) -> dict[str, Any] | None:
        oauth, session = self.server.oauth, self.server.session
        settings, grace_seconds = oauth.settings, client.refresh_grace_seconds
        family = refresh_tokens.find(session, oauth.secret_keys, text)
        if family is None or family.client_id != client.client_id:
            return None
        active = refresh_tokens.is_active(
            session,
            family,
            text,
            now=self.server.now,
            idle_seconds=settings.refresh_idle_seconds,
            grace_seconds=settings.refresh_grace_seconds if grace_seconds is None else grace_seconds,
        )
        if not active:
            return None
        return {
            "iss": settings.issuer,
            "client_id": family.client_id,
            "sub": family.user_id,
            "aud": family.audience,
            "scope": family.scope,
            "iat": int(family.rotated_at),
            "exp": int(min(family.expires_at, family.rotated_at + settings.refresh_idle_seconds)),
            "grant_id": family.grant_id,
        }

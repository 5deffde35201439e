"""Revocation (RFC 7009): every client may end its own tokens, a public one by its id."""

from __future__ import annotations

from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint as AuthlibRevocationEndpoint

from .. import audit
from . import access_tokens, clients, deny_list, messages, refresh_tokens
from .authorization_server import AuthorizationServer


class RevocationEndpoint(AuthlibRevocationEndpoint):
    """A refresh token ends its whole family, an access token itself. Whatever isn't the client's own is
    answered like an unknown token, and stays as it was."""

    CLIENT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post", "none"]

    server: AuthorizationServer

    def check_params(self, request: messages.ProtocolRequest, client: clients.Client) -> None:
        """Raises InvalidRequestError. The hint only saves a look-up; we need none, so any is fine (§2.2.1)."""
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def authenticate_token(
        self, request: messages.ProtocolRequest, client: clients.Client
    ) -> refresh_tokens.RefreshToken | dict[str, Any] | None:
        self.check_params(request, client)
        return self.query_token(request.form["token"], request.form.get("token_type_hint"))

    def query_token(
        self, token_string: str, token_type_hint: str | None
    ) -> refresh_tokens.RefreshToken | dict[str, Any] | None:
        """The client's own family, or the claims of its own access token."""
        client, server = self.server.client, self.server
        assert client is not None
        family = refresh_tokens.find(server.session, server.oauth.secret_keys, token_string)
        if family is not None:
            return family if family.client_id == client.client_id else None
        claims = access_tokens.read(server.oauth, server.session, token_string)
        return claims if claims is not None and claims["client_id"] == client.client_id else None

    def revoke_token(
        self, token: refresh_tokens.RefreshToken | dict[str, Any], request: messages.ProtocolRequest
    ) -> None:
        session, now = self.server.session, self.server.now
        if isinstance(token, refresh_tokens.RefreshToken):
            fresh = refresh_tokens.revoke_family(session, token.grant_id, now=now)
            facts: dict[str, Any] = {"user_id": token.user_id, "grant_id": token.grant_id}
        else:
            fresh = deny_list.deny(session, deny_list.TOKEN, token["jti"], now=now)
            person = token["sub"] if token["sub"] != token["client_id"] else None
            facts = {"user_id": person, "jti": token["jti"], "grant_id": token.get("grant_id")}
        if fresh:
            audit.record(session, "token_revoked", now=now, client_id=request.client.client_id, **facts)

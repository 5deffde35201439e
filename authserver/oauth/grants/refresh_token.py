"""`refresh_token`: a new access token, and the successor of the refresh token (RFC 6749 §6, RFC 9700 §4.14)."""

from __future__ import annotations

from typing import ClassVar

from authlib.oauth2.rfc6749 import InvalidGrantError
from authlib.oauth2.rfc6749 import RefreshTokenGrant as AuthlibRefreshTokenGrant

from ... import audit, database
from .. import access_tokens, refresh_tokens, targets
from ..issuing import IssuingGrant


class RefreshTokenGrant(IssuingGrant, AuthlibRefreshTokenGrant):
    """Rotates at every use. The family row is claimed first; a refusal after that rolls it back."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = [*IssuingGrant.TOKEN_ENDPOINT_AUTH_METHODS, "none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> refresh_tokens.RefreshToken:
        client, settings = self.request.client, self.server.oauth.settings
        grace_seconds = client.refresh_grace_seconds
        try:
            family = refresh_tokens.rotate(
                self.session,
                self.server.oauth.secret_keys,
                refresh_token,
                client_id=client.client_id,
                now=self.server.now,
                idle_seconds=settings.refresh_idle_seconds,
                grace_seconds=settings.refresh_grace_seconds if grace_seconds is None else grace_seconds,
            )
        except refresh_tokens.ReuseError as reuse:
            self._end(reuse.family)
            raise InvalidGrantError(
                "The refresh token was used before; its whole grant has ended."
            ) from reuse
        if family is None:
            raise InvalidGrantError("The refresh token is unknown, expired, revoked or another client's.")
        scopes = tuple(scope for scope in family.scope.split() if scope in client.scopes)
        if not scopes:
            raise InvalidGrantError("The client isn't registered for any of the granted scopes any more.")
        # The row keeps the granted scope; a narrower one is for this access token alone (RFC 6749 §6).
        self.target = self.server.narrowed(self.request, targets.Target(family.audience, scopes), scope=True)
        self.grant = access_tokens.Grant(
            family.user_id, family.grant_id, family.auth_time, family.amr, family.acr, family.sid
        )
        return family

    def authenticate_user(self, refresh_token: refresh_tokens.RefreshToken) -> str:
        """The person; that they may still is part of the statement that rotated."""
        return refresh_token.user_id

    def refresh_token(self) -> str:
        token: refresh_tokens.RefreshToken = self.request.refresh_token
        return token.text

    def revoke_old_credential(self, refresh_token: refresh_tokens.RefreshToken) -> None:
        """Nothing left to do: rotating replaced it."""

    def _end(self, family: refresh_tokens.RefreshToken) -> None:
        database.keep(self.session)
        if refresh_tokens.revoke_family(self.session, family.grant_id, now=self.server.now):
            audit.record(
                self.session,
                "refresh_reuse",
                now=self.server.now,
                user_id=family.user_id,
                client_id=family.client_id,
                grant_id=family.grant_id,
            )

"""What all grants share: how a token is made once the grant has decided that there may be one."""

from __future__ import annotations

from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import BaseGrant
from sqlalchemy.orm import Session

from . import access_tokens, messages, refresh_tokens, targets
from .authorization_server import AuthorizationServer


class IssuingGrant(BaseGrant):
    """A grant of ours. It sets `target` and, where a person gave it, `grant`; then a token can be made.

    Authlib's generators never see the request, so they aren't used: this is the only place that issues.
    """

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post"]
    # Whether there is a person, and so whether scopes that tell about one mean anything.
    PERSON = True

    server: AuthorizationServer
    request: messages.ProtocolRequest
    target: targets.Target
    grant: access_tokens.Grant | None = None

    @property
    def session(self) -> Session:
        return self.server.session

    def validate_requested_scope(self) -> None:
        """Raises InvalidScopeError, InvalidTargetError; Authlib calls it wherever a scope was asked for."""
        self.target = self.server.target(self.request, self.request.client, person=self.PERSON)

    def generate_token(
        self,
        user: Any = None,
        scope: str | None = None,
        grant_type: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """The token response. Scope and lifetime come from `target` and the client, not from the arguments."""
        client = self.request.client
        token = access_tokens.issue(
            self.server.oauth,
            self.session,
            client,
            self.target,
            self.grant,
            lifetime_seconds=self.server.lifetime_seconds(client, self.target),
        )
        if include_refresh_token and client.check_grant_type("refresh_token"):
            token["refresh_token"] = self.refresh_token()
        return token

    def refresh_token(self) -> str:
        """The refresh token that goes with the access token: here, the first of a new family."""
        grant = self.grant
        assert grant is not None
        assert grant.grant_id is not None
        settings = self.server.oauth.settings
        return refresh_tokens.add(
            self.session,
            self.server.oauth.secret_keys,
            grant_id=grant.grant_id,
            now=self.server.now,
            expires_at=self.server.now + settings.refresh_absolute_seconds,
            client_id=self.request.client.client_id,
            user_id=grant.user_id,
            audience=self.target.audience,
            scope=self.target.scope,
            auth_time=grant.auth_time,
            amr=list(grant.amr),
            acr=grant.acr,
            sid=grant.sid,
        )

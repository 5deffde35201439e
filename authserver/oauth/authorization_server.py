"""Authlib's server, made ours for one request: it finds clients in the cache and answers in our words.

`server` registers the grants and endpoints with it; those reach session, clock and settings through it.
Making one costs a few microseconds, so there is no state to share and nothing to unbind.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer as AuthlibAuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Error, TokenEndpointMixin, UnsupportedGrantTypeError
from sqlalchemy.orm import Session

from .. import apis
from . import client_authentication, clients, context, messages, targets


class AuthorizationServer(AuthlibAuthorizationServer):
    """The protocol for one request. `client` is the client once it has authenticated, `issued_by` the grant type
    once a token was made."""

    def __init__(self, oauth: context.OAuth, session: Session) -> None:
        super().__init__()
        self.oauth = oauth
        self.session = session
        self.now = oauth.clock()
        self.client: clients.Client | None = None
        self.issued_by: str | None = None
        self._client_auth = client_authentication.ClientAuthentication(oauth, session)

    def query_client(self, client_id: str | None) -> clients.Client | None:
        """The client, unless it is unknown or disabled."""
        return client_authentication.find(self.oauth, self.session, client_id)

    def authenticate_client(
        self, request: messages.ProtocolRequest, methods: list[str], endpoint: str = "token"
    ) -> clients.Client:
        client: clients.Client = super().authenticate_client(request, methods, endpoint)
        self.client = client
        return client

    def get_token_grant(self, request: messages.ProtocolRequest) -> TokenEndpointMixin:
        try:
            return super().get_token_grant(request)
        except UnsupportedGrantTypeError as error:
            known = ", ".join(grant.GRANT_TYPE for grant, _ in self._token_grants)
            error.description = f"grant_type is one of: {known}."
            raise

    def catalogue(self) -> apis.Catalogue:
        """All APIs and their scopes, from the cache."""
        found = self.oauth.cache.get(
            self.session, "apis", "all", lambda session, _key: apis.catalogue(session)
        )
        assert found is not None
        return found

    def target(
        self, request: messages.ProtocolRequest, client: clients.Client, *, person: bool
    ) -> targets.Target:
        """Audience and scopes this request asks for. Raises InvalidTargetError, InvalidScopeError."""
        return targets.resolve(
            self.catalogue(),
            self.oauth.settings.issuer,
            client.scopes,
            request.payload.scope,
            request.payload.datalist.get("resource", []),
            person=person,
        )

    def narrowed(
        self, request: messages.ProtocolRequest, target: targets.Target, *, scope: bool
    ) -> targets.Target:
        """`target` as this later request asks for it; `scope` says whether its scope parameter counts."""
        return targets.narrow(
            self.catalogue(),
            self.oauth.settings.issuer,
            target,
            request.payload.scope if scope else None,
            request.payload.datalist.get("resource", []),
        )

    def lifetime_seconds(self, client: clients.Client, target: targets.Target) -> int:
        """How long an access token lives: as its client says, else its API, else the settings."""
        api = self.catalogue().find(target.audience)
        of_api = api.access_token_seconds if api is not None else None
        return client.access_token_seconds or of_api or self.oauth.settings.access_token_seconds

    def save_token(self, token: dict[str, Any], request: messages.ProtocolRequest) -> None:
        """Access tokens aren't stored; that one was issued goes to the audit, a second later."""
        self.issued_by = request.payload.grant_type
        self.oauth.audit_buffer.add(
            "token_issued",
            now=self.now,
            client_id=request.client.client_id,
            user_id=request.user,
            grant_type=self.issued_by,
            scope=token["scope"],
        )

    def create_oauth2_request(self, request: messages.ProtocolRequest) -> messages.ProtocolRequest:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what is worth knowing goes to the audit."""

    def get_error_uri(self, request: messages.ProtocolRequest, error: OAuth2Error) -> str:
        return f"{self.oauth.settings.issuer}/docs/errors/{error.error}"

    def handle_response(
        self, status: int, body: dict[str, Any] | str, headers: list[tuple[str, str]]
    ) -> messages.Answer:
        origins = self.client.origins if self.client is not None else ()
        return messages.Answer(
            status, body if isinstance(body, dict) else None, dict(headers), origins, self.issued_by
        )

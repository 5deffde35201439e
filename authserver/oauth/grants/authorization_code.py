"""`authorization_code`: what the browser brought back becomes tokens (RFC 6749 §4.1, RFC 7636).

Everything is checked first and the code claimed last, so only a request that could have had the tokens uses
it up. Whoever comes second with everything right ends what came of it (RFC 6749 §4.1.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from authlib.oauth2.rfc6749 import AuthorizationCodeGrant as AuthlibAuthorizationCodeGrant
from authlib.oauth2.rfc6749 import InvalidGrantError

from ... import audit, credentials, database
from .. import access_tokens, clients, codes, redirects, refresh_tokens, targets
from ..issuing import IssuingGrant


class AuthorizationCodeGrant(IssuingGrant, AuthlibAuthorizationCodeGrant):
    """Both halves of the flow: the code for a person's decision, and the tokens for the code."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = [*IssuingGrant.TOKEN_ENDPOINT_AUTH_METHODS, "none"]

    def create_authorization_response(
        self, redirect_uri: str, grant_user: access_tokens.Grant
    ) -> tuple[int, str, list[tuple[str, str]]]:
        """The answer that carries a new code back to the client."""
        code = codes.add(
            self.session,
            now=self.server.now,
            lifetime_seconds=self.server.oauth.settings.code_seconds,
            grant_id=credentials.new_id(self.server.now),
            client_id=self.request.client.client_id,
            user_id=grant_user.user_id,
            redirect_uri=redirect_uri,
            audience=self.target.audience,
            scope=self.target.scope,
            code_challenge=self.request.payload.data.get("code_challenge"),
            auth_time=grant_user.auth_time,
            amr=list(grant_user.amr),
            acr=grant_user.acr,
            sid=grant_user.sid,
        )
        location = redirects.answer(
            redirect_uri, self.server.oauth.settings.issuer, self.request.state_sent, code=code
        )
        return 303, "", [("Location", location)]

    def query_authorization_code(self, code: str, client: clients.Client) -> codes.Code | None:
        found = codes.find(self.session, code)
        if found is None or found.client_id != client.client_id:
            return None
        scopes = tuple(scope for scope in found.scope.split() if scope in client.scopes)
        if not scopes:
            raise InvalidGrantError("The client isn't registered for any of the granted scopes any more.")
        self.target = self.server.narrowed(self.request, targets.Target(found.audience, scopes), scope=False)
        if self.request.payload.redirect_uri is None and found.code_challenge is not None:
            # With PKCE the redirect URI needn't be repeated (OAuth 2.1 §4.1.3); Authlib compares what isn't empty.
            return replace(found, redirect_uri="")
        return found

    def authenticate_user(self, authorization_code: codes.Code) -> str | None:
        """The person, if they are still who they were when the code was made."""
        if not authorization_code.person_may:
            return None
        self._claim(authorization_code)
        self.grant = access_tokens.Grant(
            authorization_code.user_id,
            authorization_code.grant_id,
            authorization_code.auth_time,
            authorization_code.amr,
            authorization_code.acr,
            authorization_code.sid,
        )
        return authorization_code.user_id

    def delete_authorization_code(self, authorization_code: codes.Code) -> None:
        """Nothing left to do: claiming used it up, and the row stays to recognise a replay."""

    def _claim(self, code: codes.Code) -> None:
        if code.used_at is None and codes.claim(self.session, code, now=self.server.now):
            return
        if code.used_at is None and not codes.was_used(self.session, code):
            raise InvalidGrantError("The code has expired.")
        database.keep(self.session)
        if refresh_tokens.revoke_family(self.session, code.grant_id, now=self.server.now):
            audit.record(
                self.session,
                "code_replayed",
                now=self.server.now,
                user_id=code.user_id,
                client_id=code.client_id,
                grant_id=code.grant_id,
            )
        raise InvalidGrantError("The code was used before; everything that came of it has ended.")

"""`password`: a first-party client hands over what a person typed (RFC 6749 §4.3, discouraged by RFC 9700 §2.4).

Off unless the client lists it, limited together with the login form, and no way to learn which accounts exist.
Hashing holds no connection: what was read before is read again after.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidGrantError, UnauthorizedClientError
from authlib.oauth2.rfc6749 import ResourceOwnerPasswordCredentialsGrant as AuthlibPasswordGrant

from ... import credentials, database, limits
from ...people import passwords, users
from .. import access_tokens, errors
from ..issuing import IssuingGrant


class PasswordGrant(IssuingGrant, AuthlibPasswordGrant):
    """Authlib would hand everyone a refresh token; `IssuingGrant` gives one to clients that list that grant."""

    def authenticate_user(self, username: str, password: str) -> str:
        """The person's id. Raises InvalidGrantError, UnauthorizedClientError, BusyError."""
        client = self.server.client
        if client is None or not client.first_party:
            raise UnauthorizedClientError("The password grant is for first-party clients alone.")
        # What the client may not have is refused before anybody's password is looked at.
        self.target = self.server.target(self.request, client, person=self.PERSON)
        username = username.strip()
        email_key = users.email_key(username)
        account_key, address_key = limits.login_keys(email_key, self.request.ip)
        self._claim_attempt(client.client_id, address_key, limits.LOGIN_ADDRESS)
        self._claim_attempt(client.client_id, account_key, limits.LOGIN_ACCOUNT)
        user = users.find_by_email(self.session, username)
        database.release(self.session)
        lane, password = self.server.oauth.passwords, passwords.normalise(password)
        try:
            verification = database.await_(
                lane.verify(None if user is None else user.password_digest, password)
            )
            rehashed = database.await_(lane.hash(password)) if verification.needs_rehash else None
        except passwords.BusyError as busy:
            for key in (account_key, address_key):  # it was not looked at
                database.await_(self.server.oauth.limits.give_back(key))
            raise errors.BusyError(
                "The server is busy checking passwords; try again.",
                status_code=503,
                retry_after_seconds=busy.retry_after_seconds,
            ) from busy
        # Read again: the account may have changed while the password was hashed.
        now = None if user is None else users.find(self.session, user.id)
        if (
            not verification.ok
            or user is None
            or now is None
            or now.disabled_at is not None
            or now.password_digest != user.password_digest
            or now.valid_from > self.server.now
        ):
            self.server.oauth.audit_buffer.add(
                "password_grant_failed",
                now=self.server.now,
                client_id=client.client_id,
                user_id=None if user is None else user.id,
            )
            raise InvalidGrantError("The username or password is wrong.")
        if rehashed is not None:
            users.rehash(self.session, now, rehashed)
        database.release(self.session)
        database.await_(self.server.oauth.limits.forgive(account_key))
        database.await_(self.server.oauth.limits.give_back(address_key))
        self.grant = access_tokens.Grant(
            now.id,
            credentials.new_id(self.server.now) if client.check_grant_type("refresh_token") else None,
            auth_time=self.server.now,
            amr=("pwd",),
        )
        return now.id

    def _claim_attempt(self, client_id: str, key: str, limit: int) -> None:
        database.release(self.session)
        attempt = database.await_(
            self.server.oauth.limits.claim(key, limit=limit, seconds=limits.LOGIN_SECONDS)
        )
        if attempt.over == 1:
            self.server.oauth.audit_buffer.add("sign_in_throttled", now=self.server.now, client_id=client_id)
        if not attempt.allowed:
            raise errors.BusyError(
                "Too many attempts to sign in; wait before trying again.",
                status_code=429,
                retry_after_seconds=attempt.resets_at - self.server.now,
            )

"""Protocol errors that RFC 6749 itself doesn't have, and the exact words of those that must not tell more.

Authlib raises ValueError when a description leaves the character set of RFC 6749 §5.2, so descriptions here
are constants or are passed through `plain` first; what a client sent is never repeated unchecked.
"""

from __future__ import annotations

import re

from authlib.oauth2.rfc6749 import InvalidClientError, OAuth2Error

_NOT_PLAIN = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")


def plain(text: str, limit: int = 80) -> str:
    """`text` in the characters an error description may have, cut to `limit`."""
    text = _NOT_PLAIN.sub("?", text)
    return text if len(text) <= limit else text[: limit - 3] + "..."


class InvalidTargetError(OAuth2Error):
    """The resource asked for is unknown, or there are several (RFC 8707 §2)."""

    error = "invalid_target"


class RequestNotSupportedError(OAuth2Error):
    """A request object was sent; this server reads none (OpenID Connect Core §3.1.2.6)."""

    error = "request_not_supported"
    description = "This server doesn't read request objects; send the parameters themselves."


class RequestUriNotSupportedError(OAuth2Error):
    """A request object was referred to; this server fetches none (OpenID Connect Core §3.1.2.6)."""

    error = "request_uri_not_supported"
    description = "This server doesn't fetch request objects; send the parameters themselves."


class RegistrationNotSupportedError(OAuth2Error):
    """Client metadata was sent along (OpenID Connect Core §7.2.1)."""

    error = "registration_not_supported"
    description = "Clients register beforehand; the registration parameter isn't read."


class LoginRequiredError(OAuth2Error):
    """prompt=none, but nobody suitable is signed in (OpenID Connect Core §3.1.2.6)."""

    error = "login_required"
    description = "Nobody is signed in, or not recently enough, and prompt=none forbids asking."


class ConsentRequiredError(OAuth2Error):
    """prompt=none, but the person has to be asked (OpenID Connect Core §3.1.2.6)."""

    error = "consent_required"
    description = "The person hasn't allowed this yet, and prompt=none forbids asking."


class BusyError(OAuth2Error):
    """Too many attempts (429), or no room to check one now (503). Says when to come back, in seconds."""

    error = "temporarily_unavailable"

    def __init__(self, description: str, *, status_code: int, retry_after_seconds: float) -> None:
        super().__init__(description=description, status_code=status_code)
        self.retry_after_seconds = max(1, int(retry_after_seconds + 0.999))

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = super().get_headers()
        return [*headers, ("Retry-After", str(self.retry_after_seconds))]


class ClientAuthenticationError(InvalidClientError):
    """One answer for every way authentication fails, so that nobody learns which clients exist.

    The challenge is there for every method: RFC 9110 §15.5.2 wants one in each 401, and RFC 6749 §5.2 wants
    this one when Basic was tried.
    """

    description = "Client authentication failed. Check the client id, its secret and its one method."

    def __init__(self) -> None:
        super().__init__(status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = OAuth2Error.get_headers(self)
        return [*headers, ("WWW-Authenticate", 'Basic realm="oauth", charset="UTF-8"')]

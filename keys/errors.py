"""Every error this package raises, as one small tree. What is not here is not raised on purpose.

    KeysError
    ├── InvalidTokenError           401  the token is bad and stays bad
    │   ├── MalformedTokenError          not a compact JWS: size, parts, base64url, JSON
    │   ├── RefusedHeaderError           alg, typ, kid, or a header parameter that is never accepted
    │   ├── UnknownKeyError              its kid is not in the issuer's key set
    │   ├── BadSignatureError            the signature was not made by that key
    │   ├── InvalidClaimError            a claim is missing or of the wrong type
    │   ├── WrongIssuerError             iss is someone else
    │   ├── WrongAudienceError           aud is someone else, or several
    │   ├── ExpiredTokenError            exp has passed
    │   └── NotYetValidError             nbf or iat lies in the future
    ├── InsufficientScopeError      403  the token is good, it just doesn't allow this
    ├── KeySetUnavailableError      503  no keys to judge any token by; says when to ask again
    ├── InvalidKeyError                  a key that must neither sign nor verify
    └── RingError                        the ring of signing keys can't do what was asked
        ├── NextKeyTooYoungError         verifiers may not have seen it yet; says when they will
        └── NoSuchKeyError

Each error about a token speaks with two voices. `description`, which `str()` gives too, is one sentence for
the caller: it holds no text from the token and fits an `error_description` (RFC 6750 §3). `detail` is for the
operator: it may quote the token's `kid` or `aud`, escaped and cut short, but never the token itself. A
traceback shows both.
"""

from datetime import UTC, datetime


class KeysError(Exception):
    """The root: catch it to catch everything of this package."""


class InvalidTokenError(KeysError):
    """The token is refused: answer 401 `invalid_token` (RFC 6750 §3.1)."""

    description = "The access token is invalid."

    def __init__(self, detail: str = "", *, description: str | None = None) -> None:
        if description is not None:
            self.description = description
        self.detail = detail or self.description
        super().__init__(self.description)
        if detail:
            self.add_note(detail)


class MalformedTokenError(InvalidTokenError):
    description = "The access token is malformed."


class RefusedHeaderError(InvalidTokenError):
    description = "The access token's header is not acceptable."


class UnknownKeyError(InvalidTokenError):
    description = "The access token was signed with a key its issuer does not publish."


class BadSignatureError(InvalidTokenError):
    description = "The access token's signature is wrong."


class InvalidClaimError(InvalidTokenError):
    description = "The access token lacks a required claim or one of its claims has the wrong type."


class WrongIssuerError(InvalidTokenError):
    description = "The access token comes from another issuer."


class WrongAudienceError(InvalidTokenError):
    description = "The access token was issued for another audience."


class ExpiredTokenError(InvalidTokenError):
    description = "The access token expired."


class NotYetValidError(InvalidTokenError):
    description = "The access token is not valid yet."


class InsufficientScopeError(KeysError):
    """The token does not carry these scopes: answer 403 `insufficient_scope` (RFC 6750 §3.1)."""

    def __init__(self, needed: tuple[str, ...]) -> None:
        self.needed = needed
        self.description = f"This needs the scope {' and '.join(needed)}, and the access token has less."
        super().__init__(self.description)


class KeySetUnavailableError(KeysError):
    """There is no key set, or only one too old to rely on: answer 503 with `Retry-After`.

    It says nothing about the token, and is therefore no `InvalidTokenError`.
    """

    description = "The keys of the authorization server can't be fetched at the moment."

    def __init__(self, detail: str, *, retry_after_seconds: float) -> None:
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.description)
        self.add_note(detail)


def shown(value: object) -> str:
    """Return a value from a token as it may stand in a `detail`: ASCII, one line, 80 characters at most."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class InvalidKeyError(KeysError):
    """A key is too short, of the wrong type, or unreadable."""


class RingError(KeysError):
    """The ring of signing keys can't do what was asked."""


class NextKeyTooYoungError(RingError):
    """The next key may not sign yet, because some verifier may still hold a key set without it.

    `ready_at` is the moment (epoch seconds) from which it may.
    """

    def __init__(self, kid: str, ready_at: float) -> None:
        self.kid = kid
        self.ready_at = ready_at
        moment = datetime.fromtimestamp(ready_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        super().__init__(
            f"The next key {kid} was published too recently to sign: every verifier knows it from {moment}."
        )


class NoSuchKeyError(RingError):
    """The ring holds no key of that id, or none in the state that was needed."""

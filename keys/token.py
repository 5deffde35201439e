"""`AccessToken`: what a verified token says. Only the verifier makes one, so holding it means it was checked.

Here too: which claims are required, and of which type (RFC 9068 §2.2). Whether they are *acceptable* (issuer,
audience, time) is judged in `verifier`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from . import errors

# RFC 6749 §3.3: scope tokens of printable ASCII without " and \, separated by one space each.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*")
_END_OF_TIME = 253_402_300_800  # the year 10000


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A verified access token (RFC 9068). Times are epoch seconds.

    `subject` is the person, or the client itself when it acts on its own (client credentials). It is unique within
    `issuer` only. `claims` holds every claim, read-only to the bottom, because one object serves many requests.
    """

    issuer: str
    subject: str
    audience: str
    client_id: str
    scopes: frozenset[str]
    jti: str
    issued_at: float
    expires_at: float
    not_before: float | None
    grant_id: str | None
    auth_time: float | None
    acr: str | None
    amr: tuple[str, ...]
    sid: str | None
    claims: Mapping[str, Any] = field(repr=False, hash=False)

    def has(self, *scopes: str) -> bool:
        """Whether the token carries all of these scopes."""
        return self.scopes.issuperset(scopes)

    def require(self, *scopes: str) -> None:
        """Return when the token carries all of these scopes, else raise InsufficientScopeError."""
        if not self.scopes.issuperset(scopes):
            raise errors.InsufficientScopeError(scopes)


def read(claims: Mapping[str, Any]) -> AccessToken:
    """Return the claims as an AccessToken. Raise InvalidClaimError when one is missing or of the wrong type.

    `iss sub aud exp iat jti client_id` are required. `aud` must be one string: a token for several audiences could
    be replayed by any of them against the others, so even a list of one is refused.
    """
    return AccessToken(
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub"),
        audience=_audience(claims),
        client_id=_text(claims, "client_id"),
        scopes=_scopes(claims),
        jti=_text(claims, "jti"),
        issued_at=_moment(claims, "iat"),
        expires_at=_moment(claims, "exp"),
        not_before=_moment(claims, "nbf") if "nbf" in claims else None,
        grant_id=_text(claims, "grant_id") if "grant_id" in claims else None,
        auth_time=_moment(claims, "auth_time") if "auth_time" in claims else None,
        acr=_text(claims, "acr") if "acr" in claims else None,
        amr=_texts(claims, "amr") if "amr" in claims else (),
        sid=_text(claims, "sid") if "sid" in claims else None,
        claims=_frozen(claims),
    )


def _required(claims: Mapping[str, Any], name: str) -> Any:
    if name not in claims:
        raise errors.InvalidClaimError(f"The claim {name} is missing.")
    return claims[name]


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = _required(claims, name)
    # Not printable: control characters, NUL, lone surrogates. They end up in databases and logs, where they break.
    if not isinstance(value, str) or not value or not value.isprintable():
        raise errors.InvalidClaimError(f"The claim {name} is not a printable string.")
    return value


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims[name]
    if not isinstance(value, list) or not all(isinstance(one, str) and one.isprintable() for one in value):
        raise errors.InvalidClaimError(f"The claim {name} is not a list of printable strings.")
    return tuple(value)


def _audience(claims: Mapping[str, Any]) -> str:
    if isinstance(_required(claims, "aud"), list):
        raise errors.WrongAudienceError(
            "The claim aud is a list; this verifier takes tokens for one audience only."
        )
    return _text(claims, "aud")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519 §2). True and False are ints to Python, NaN fails every comparison."""
    value = _required(claims, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _END_OF_TIME:
        raise errors.InvalidClaimError(f"The claim {name} is not a number of seconds since 1970.")
    return value


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    if "scope" not in claims:
        return frozenset()
    value = claims["scope"]
    if not isinstance(value, str) or not _SCOPE.fullmatch(value):
        raise errors.InvalidClaimError(
            "The claim scope is not a string of scope tokens separated by single spaces."
        )
    return frozenset(value.split(" "))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({name: _frozen(member) for name, member in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(member) for member in value)
    return value

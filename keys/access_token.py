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
_NUMBERS = frozenset({int, float})
_CONTAINERS = frozenset({list, dict})
_END_OF_TIME = 253_402_300_800  # the year 10000


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A verified access token (RFC 9068). Times are epoch seconds.

    `subject` is the person, or the client itself when it acts on its own (client credentials). It is unique
    within `issuer` only. `claims` holds every claim, read-only to the bottom, because one object serves many
    requests.
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


def read(claims: dict[str, Any]) -> AccessToken:
    """Return the claims as an AccessToken. Raise InvalidClaimError when one is missing or of the wrong type.

    `iss sub aud exp iat jti client_id` are required. `aud` must be one string: a token for several audiences
    could be replayed by any of them against the others, so even a list of one is refused. `claims` is taken
    over, not copied.
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
        claims=_sealed(claims),
    )


def _wrong(claims: Mapping[str, Any], name: str, expected: str) -> errors.InvalidClaimError:
    return errors.InvalidClaimError(
        f"The claim {name} is {'not ' + expected if name in claims else 'missing'}."
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    # Not printable: control characters, NUL, lone surrogates. Databases and logs break on them.
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _wrong(claims, name, "a printable string")
    return value


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims[name]
    if not isinstance(value, list) or not all(isinstance(one, str) and one.isprintable() for one in value):
        raise _wrong(claims, name, "a list of printable strings")
    return tuple(value)


def _audience(claims: Mapping[str, Any]) -> str:
    if isinstance(claims.get("aud"), list):
        raise errors.WrongAudienceError(
            "The claim aud is a list; this verifier takes tokens for one audience only."
        )
    return _text(claims, "aud")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519 §2). True and False are of another type, NaN is in no range."""
    value: Any = claims.get(name)
    if type(value) not in _NUMBERS or not 0 <= value < _END_OF_TIME:
        raise _wrong(claims, name, "a number of seconds since 1970")
    return float(value)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    if "scope" not in claims:
        return frozenset()
    value = claims["scope"]
    if not isinstance(value, str) or not _SCOPE.fullmatch(value):
        raise _wrong(claims, "scope", "a string of scope tokens separated by single spaces")
    return frozenset(value.split(" "))


def _sealed(claims: dict[str, Any]) -> Mapping[str, Any]:
    """The same claims, read-only. Lists and objects are rare in a token; the others stay as they are."""
    for name, value in claims.items():
        if type(value) in _CONTAINERS:
            claims[name] = _frozen(value)
    return MappingProxyType(claims)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(member) for name, member in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(member) for member in value)
    return value

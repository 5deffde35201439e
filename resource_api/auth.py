"""Who is calling: the only reader of credentials. What the caller may do to an object is `ownership.py`.

A route asks for `Annotated[Caller, auth.caller("images:read")]`, or `auth.person(...)` where an application acting
for itself has no business. FastAPI settles dependencies in the order of the signature: name the caller first, so
that nobody learns anything, and no body is read, without a token.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from keys.errors import InvalidTokenError, KeySetUnavailableError

from . import state
from .problems import Problem
from .settings import Settings

SCOPES = {
    "profile:read": "See your profile: handle and display name.",
    "profile:write": "Change your handle and display name.",
    "images:read": "See your images and those shared with you.",
    "images:write": "Upload, rename, share and delete your images.",
    "gallery:read": "See your galleries and those shared with you.",
    "gallery:write": "Create, arrange, share and delete your galleries.",
    "credits:read": "See your credits and how they were spent.",
    "credits:spend": "Spend your credits.",
}
"""Every scope this API knows. Its authorization server registers the same names."""

# RFC 6750 §2.1: one space, then a b64token; visible ASCII keeps control bytes out of every table.
_BEARER = re.compile(r"bearer ([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_SUBJECT = re.compile(r"[\x21-\x7e]{1,2048}")


@dataclass(frozen=True)
class Caller:
    """A principal whose token has been verified."""

    owner: str
    """Issuer and subject, the value of every `owner` column. A space cannot occur in either."""
    is_person: bool
    """False for an application that acts for itself (client credentials: `sub` is the client's own id)."""
    client_id: str
    scopes: frozenset[str]


class _Bearer(SecurityBase):
    """Reads the one place a token may stand in. RFC 9700 §4.3.2: never the query."""

    def __init__(self, *, person: bool) -> None:
        self.model = HTTPBearer(bearerFormat="JWT")
        self.scheme_name = "bearer"
        self.person = person

    async def __call__(self, request: Request, needed: SecurityScopes) -> Caller:
        house = state.of(request)
        caller = await _verified(request, house)
        missing = [scope for scope in needed.scopes if scope not in caller.scopes]
        if missing:
            raise Problem(
                "insufficient_scope",
                f"This needs the scope {' and '.join(missing)}, which the token does not carry.",
                headers=_challenge(house.settings, error="insufficient_scope", scope=" ".join(needed.scopes)),
            )
        if self.person and not caller.is_person:
            raise Problem(
                "person_required", "This token belongs to an application, and only a person can do this."
            )
        return caller


def caller(*scopes: str) -> Any:
    """The dependency that answers the verified `Caller`, or 401, 403 `insufficient_scope`, 503 without keys."""
    return Security(_ANYONE, scopes=scopes)


def person(*scopes: str) -> Any:
    """As `caller`, and an application acting for itself is answered 403 `person_required`."""
    return Security(_PERSON, scopes=scopes)


async def _verified(request: Request, house: state.State) -> Caller:
    settings = house.settings
    sent = request.headers.getlist("authorization")
    if len(sent) > 1 or "access_token" in request.query_params:
        raise Problem(
            "invalid_request",
            "Send the token once, in the Authorization header, never in the address.",
            headers=_challenge(settings, error="invalid_request"),
        )
    if not sent or not sent[0].lower().startswith("bearer"):
        # RFC 6750 §3.1: without credentials, no error code.
        raise Problem(
            "missing_token", "Send an access token as Authorization: Bearer.", headers=_challenge(settings)
        )
    bearer = _BEARER.fullmatch(sent[0])
    if bearer is None:
        raise _invalid(settings, "The Authorization header must be the word Bearer, one space, one token.")
    try:
        token = await house.verifier.averify(bearer.group(1))
    except InvalidTokenError as error:
        raise _invalid(settings, str(error)) from error
    except KeySetUnavailableError as error:
        raise Problem(
            "keys_unavailable",
            "The signing keys cannot be fetched now, so the token cannot be judged.",
            headers={"Retry-After": str(max(1, math.ceil(error.retry_after_seconds)))},
            log=error.detail,
        ) from error
    if not _SUBJECT.fullmatch(token.subject):
        raise _invalid(settings, "The subject must be 1 to 2,048 visible ASCII characters.")
    return Caller(
        owner=f"{token.issuer} {token.subject}",
        is_person=token.subject != token.client_id,
        client_id=token.client_id,
        scopes=token.scopes,
    )


def _invalid(settings: Settings, why: str) -> Problem:
    return Problem(
        "invalid_token", why, headers=_challenge(settings, error="invalid_token", error_description=why)
    )


def _challenge(settings: Settings, **parameters: str) -> dict[str, str]:
    """WWW-Authenticate as RFC 6750 §3 and RFC 9728 §5.1 say."""
    parts = [f'{name}="{_quotable(text)}"' for name, text in parameters.items()]
    parts.append(f'resource_metadata="{settings.metadata_url}"')
    return {"WWW-Authenticate": "Bearer " + ", ".join(parts)}


def _quotable(text: str) -> str:
    """RFC 6750 §3: printable ASCII without the double quote and the backslash."""
    return "".join(
        character if " " <= character <= "~" and character not in '"\\' else "'" for character in text
    )


_ANYONE = _Bearer(person=False)
_PERSON = _Bearer(person=True)

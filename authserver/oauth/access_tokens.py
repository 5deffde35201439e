"""Access tokens: the claims of RFC 9068, signed with the active key, and our own reading of them.

They aren't stored. What reaches them before they expire is the deny list and the standing of client and person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from .. import credentials
from ..people import users
from . import clients, context, deny_list, signing_keys, targets

TYPE = "at+jwt"
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_MAX_LENGTH = 16 * 1024


@dataclass(frozen=True)
class Grant:
    """What a person gave, and how they had proven who they are when they gave it.

    `grant_id` is the family that can be ended as one; None where there is nothing to end.
    """

    user_id: str
    grant_id: str | None
    auth_time: float
    amr: tuple[str, ...] = ()
    acr: str | None = None
    sid: str | None = None


def issue(
    oauth: context.OAuth,
    session: Session,
    client: clients.Client,
    target: targets.Target,
    grant: Grant | None,
    *,
    lifetime_seconds: int,
) -> dict[str, Any]:
    """A new token as the members of a token response (RFC 6749 §5.1). Without a grant the client acts for itself."""
    moment = oauth.clock()
    now = int(moment)
    claims: dict[str, Any] = {
        "iss": oauth.settings.issuer,
        "sub": client.client_id if grant is None else grant.user_id,
        "aud": target.audience,
        "client_id": client.client_id,
        "iat": now,
        "exp": now + lifetime_seconds,
        "jti": credentials.new_id(moment),
        "scope": target.scope,
    }
    if grant is not None:
        claims |= {"auth_time": int(grant.auth_time), "amr": list(grant.amr)}
        optional = {"grant_id": grant.grant_id, "acr": grant.acr, "sid": grant.sid}
        claims |= {name: value for name, value in optional.items() if value is not None}
    return {
        "access_token": signing_keys.active(oauth, session).sign(claims, typ=TYPE),
        "token_type": "Bearer",
        "expires_in": lifetime_seconds,
        "scope": target.scope,
    }


def read(oauth: context.OAuth, session: Session, token: str) -> dict[str, Any] | None:
    """The claims of an access token of ours that hasn't expired; None for anything else.

    Says nothing about whether it was revoked; `is_active` does.
    """
    if len(token) > _MAX_LENGTH or not _SHAPE.match(token):
        return None
    return signing_keys.verify(oauth, session, token)


def is_active(oauth: context.OAuth, session: Session, claims: Mapping[str, Any]) -> bool:
    """Whether the token with these claims, which `read` gave, is still good.

    A process that hasn't heard yet of a disabled client or person issues tokens for up to a second more. So what
    counts is how client and person stand now and, of the person, when they signed in: not when the token was made.
    """
    client = clients.find(oauth.cache, session, claims["client_id"])
    if client is None or client.disabled_at is not None:
        return False
    if deny_list.denied(oauth.cache, session, claims):
        return False
    if claims["sub"] == claims["client_id"]:
        return True
    user = oauth.cache.get(session, "user", claims["sub"], users.find)
    if user is None or user.disabled_at is not None:
        return False
    # `auth_time` and `iat` are whole seconds, cut off; the ids of session, grant and token tell the millisecond.
    return claims["auth_time"] >= int(user.valid_from) and not any(
        credentials.made_before(claims[name], user.valid_from)
        for name in ("sid", "grant_id", "jti")
        if name in claims
    )

"""Who sits in front of this browser, according to its session cookie."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.requests import Request

from ...oauth.authorize import SignedIn
from ...people import sessions, users
from . import cookies, state


@dataclass(frozen=True)
class Person:
    """A signed-in person and the facts of that sign-in, as the oauth room wants them."""

    user: users.User
    signed_in: SignedIn


def find(request: Request, session: Session) -> Person | None:
    """The person signed in on this browser; inside a transaction."""
    token = cookies.session(request)
    if token is None:
        return None
    here = state.of(request)
    row = sessions.find(session, token, here.clock(), here.settings)
    if row is None:
        return None
    user = users.find(session, row.user_id)
    if user is None or user.disabled_at is not None:
        return None
    return Person(user, signed_in_by(row))


def signed_in_by(row: sessions.Session) -> SignedIn:
    """A session's facts as the oauth room wants them."""
    return SignedIn(row.user_id, row.auth_time, row.amr, row.acr, row.id)


async def signed_in(request: Request) -> Person | None:
    """The same, in a read of its own; no round trip when the browser has no session cookie."""
    if cookies.session(request) is None:
        return None
    return await state.of(request).database.read(lambda session: find(request, session))

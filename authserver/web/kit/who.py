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
    session: sessions.Session
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
    return Person(user, row, signed_in_by(row))


def signed_in_by(row: sessions.Session) -> SignedIn:
    """A session's facts as the oauth room wants them."""
    return SignedIn(row.user_id, row.auth_time, row.amr, row.acr, row.id)


async def signed_in(request: Request) -> Person | None:
    """The same, in a read of its own, noting once a minute that the session is in use."""
    token = cookies.session(request)
    if token is None:
        return None
    here = state.of(request)
    person = await here.database.read(lambda session: find(request, session))
    if person is not None and sessions.is_due(person.session, here.clock()):
        await here.database.transaction(lambda session: sessions.touch(session, token, here.clock()))
    return person

"""What signing in and creating an account share: the fresh session, its cookie, and the way on."""

from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...oauth import authorize
from ...people import sessions
from ..kit import answers, cookies, state, who


def start_session(
    request: Request, session: Session, user_id: str, *, at: float
) -> tuple[str, authorize.SignedIn]:
    """A new session of who gave a password `at` that time; the one this browser had is over. Returns its token and
    what it stands for."""
    here = state.of(request)
    old = cookies.session(request)
    if old is not None:
        sessions.end(session, old)
    token = sessions.start(
        session,
        user_id,
        now=at,
        amr=("pwd",),
        user_agent=request.headers.get("user-agent", "")[:500],
        ip=address(request),
    )
    row = sessions.find(session, token, here.clock(), here.settings)
    assert row is not None  # it was started one statement ago
    return token, who.signed_in_by(row)


def address(request: Request) -> str:
    """The peer's address, as the middleware found it."""
    return request.client.host if request.client else ""


async def go_on(request: Request, identifier: str, signed_in: authorize.SignedIn) -> Response:
    """The next step of the authorization request, or home. Raises RequestGone when it is over."""
    if not identifier:
        return answers.redirect(request, "/")
    here = state.of(request)
    browser = cookies.ensure_browser(request)
    outcome = await here.database.transaction(
        lambda session: authorize.proceed(here.oauth, session, identifier, browser, signed_in)
    )
    return answers.follow(request, outcome)


async def recognised(request: Request, identifier: str) -> Response | None:
    """For a page of an authorization request: the way on for somebody already signed in, None when we have to ask."""
    person = await who.signed_in(request)
    if person is None or not identifier:
        return None
    here = state.of(request)
    browser = cookies.ensure_browser(request)
    outcome = await here.database.transaction(
        lambda session: authorize.proceed(here.oauth, session, identifier, browser, person.signed_in)
    )
    if isinstance(outcome, authorize.Ask) and outcome.next == "login":
        return None
    return answers.follow(request, outcome)

"""The running authorization request a page belongs to: its id in the address, and what the page says of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.requests import Request

from ... import credentials
from ...oauth import authorization_requests, authorize, clients
from . import cookies, language, state


@dataclass(frozen=True)
class Running:
    """A request that waits for this person: its id, the app's name, where the answer goes, whom the app expects."""

    id: str
    app: str
    redirect_uri: str
    login_hint: str


def reference(text: str) -> str:
    """The id, when the text has the form of one of ours, else nothing: the one thing that pages carry along."""
    return text if credentials.well_formed(text, authorization_requests.PREFIX) else ""


async def find(request: Request, text: str) -> Running | None:
    """The request that `text` names, None without one. Raises RequestGone when it is over or another browser's.

    From here on the page speaks the language the app asked for.
    """
    if not text:
        return None
    identifier = reference(text)
    if not identifier:
        raise authorization_requests.RequestGone
    here = state.of(request)
    browser = cookies.ensure_browser(request)

    def work(session: Session) -> Running | None:
        row = authorize.find(here.oauth, session, identifier, browser)
        client = clients.find(here.oauth.cache, session, row.client_id)
        language.prefer(request, identifier, row.ui_locales)
        return Running(identifier, client.name if client else "", row.redirect_uri, row.login_hint or "")

    return await here.database.transaction(work)

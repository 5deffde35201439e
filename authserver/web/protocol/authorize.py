"""`/oauth/authorize`: an app sends a person here (RFC 6749 §3.1), by GET or POST (OpenID Connect Core §3.1.2.1).

Nothing is shown here but errors: the answer is a redirect, back to the app or on to sign-in or consent. Only requests
that have to wait for a person leave a row, and so many of one person or one address are enough.
"""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ... import limits
from ...oauth import authorize, messages, metadata
from ..kit import answers, cookies, forms, problems, state, who

router = APIRouter(tags=["OAuth"])
PATH = metadata.PATHS["authorization"]


@router.get(PATH, summary="Ask a person for access", operation_id="authorize")
async def show(request: Request) -> Response:
    """Begins an authorization request with the parameters of the query."""
    # A browser that comes by a link has sent its cookies, so one without gets its own now.
    browser = cookies.ensure_browser(request)
    try:
        query = forms.parse(request.scope["query_string"])
    except forms.FormError as error:
        return _unreadable(request, error)
    response = await _begin(request, query, [], browser)
    cookies.set_browser(request, response)
    return response


@router.post(PATH, summary="Ask a person for access, by form", operation_id="authorizeByForm")
async def act(request: Request) -> Response:
    """Begins an authorization request with the parameters of the body; the query counts for nothing."""
    try:
        form = await forms.read(request)
    except forms.FormError as error:
        return _unreadable(request, error)
    # Coming from the app's own page, the form arrives without our cookies; the next page binds the browser.
    return await _begin(request, [], form, cookies.browser(request))


class _TooManyError(Exception):
    """This one would wait too, and is taken back."""

    def __init__(self, resets_at: float) -> None:
        super().__init__("too many authorization requests")
        self.resets_at = resets_at


async def _begin(
    request: Request, query: messages.Items, form: messages.Items, browser: str | None
) -> Response:
    here = state.of(request)
    sent = messages.Request(request.method, PATH, {}, query, form, "")

    def work(session: Session) -> authorize.Outcome:
        person = who.find(request, session)
        outcome = authorize.begin(here.oauth, session, sent, person.signed_in if person else None, browser)
        if isinstance(outcome, authorize.Ask):
            _count(request, session, person)
        return outcome

    try:
        return answers.follow(request, await here.database.transaction(work))
    except _TooManyError as refused:
        headers = problems.retry_after(refused.resets_at, here.clock())
        return problems.answer(request, "too_many_requests", headers=headers)


def _count(request: Request, session: Session, person: who.Person | None) -> None:
    """Raises when too many wait; what is beyond the limit is not even counted, since the transaction rolls back."""
    here = state.of(request)
    if person is not None:
        key = f"authorize/person/{person.user.id}"
    else:
        key = f"authorize/address/{limits.address(request.client.host if request.client else '')}"
    limit, seconds = (
        here.settings.authorization_requests_per_address,
        here.settings.authorization_request_seconds,
    )
    claim = limits.claim(session, key, limit=limit, seconds=seconds, now=here.clock())
    if not claim.allowed:
        raise _TooManyError(claim.resets_at)


def _unreadable(request: Request, error: forms.FormError) -> Response:
    return answers.follow(request, authorize.ErrorPage(error.error, error.description, error.status))

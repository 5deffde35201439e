"""`/logout`: GET shows a button, POST ends the session."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ... import audit
from ...people import sessions
from ..kit import answers, authorization_requests, cookies, csrf, forms, pages, state, who

router = APIRouter()


@router.get("/logout", include_in_schema=False)
async def show(request: Request) -> Response:
    """The button; ends nothing, so that a link or an image can't sign anybody out."""
    return pages.render(request, "logout.html", person=await who.signed_in(request))


@router.post("/logout", include_in_schema=False)
async def act(request: Request) -> Response:
    """Ends this browser's session; with `request`, that authorization request goes on with somebody else."""
    form = forms.single(await forms.read(request))
    csrf.check(request, form, "logout")
    await _end(request)
    identifier = authorization_requests.reference(form.get("request", ""))
    if identifier:
        response: Response = answers.redirect(request, f"/login?request={identifier}")
    else:
        response = pages.render(request, "logout_done.html")
        # Cookies are cleared by name: Clear-Site-Data "cookies" would take sister services' cookies along.
        response.headers["Clear-Site-Data"] = '"cache"'
    cookies.clear_session(request, response)
    return response


async def _end(request: Request) -> None:
    token = cookies.session(request)
    if token is None:
        return
    here = state.of(request)

    def work(session: Session) -> None:
        person = who.find(request, session)
        sessions.end(session, token)
        if person is not None:
            audit.record(session, "signed_out", now=here.clock(), user_id=person.user.id)

    await here.database.transaction(work)

"""`/`: what this server is, and the way in."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ..kit import pages, state, who

router = APIRouter()


@router.get("/", include_in_schema=False)
async def home(request: Request) -> Response:
    """Says who is signed in, or offers to sign in."""
    person = await who.signed_in(request)
    open_ = state.of(request).settings.registration == "open"
    return pages.render(request, "home.html", person=person, registration_open=open_)

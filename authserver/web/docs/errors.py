"""`/docs/errors` and a page for each code: where `error_uri` and the `type` of problem details lead."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..kit import pages, problems
from . import error_codes

router = APIRouter()


@router.get("/docs/errors", include_in_schema=False)
async def index(request: Request) -> Response:
    """All codes."""
    return pages.render(
        request, "docs_errors.html", oauth=list(error_codes.OAUTH), http=list(error_codes.HTTP)
    )


@router.get("/docs/errors/{code}", include_in_schema=False)
async def show(request: Request, code: str) -> Response:
    """One code: cause, check, fix."""
    text = error_codes.ALL.get(code)
    if text is None:
        raise HTTPException(404)
    status, title, _ = problems.PROBLEMS.get(code, (None, "", ""))
    return pages.render(request, "docs_error.html", code=code, text=text, title=title, http_status=status)

"""`/docs`: every operation on one page, without script."""

from __future__ import annotations

import itertools

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ..kit import pages, state
from . import operations

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The reference, with this instance's real addresses."""
    groups = [
        (tag, list(members)) for tag, members in itertools.groupby(operations.OPERATIONS, lambda one: one.tag)
    ]
    return pages.render(request, "docs.html", groups=groups, issuer=state.of(request).settings.issuer)

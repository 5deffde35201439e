"""`/oauth/revoke`: a client gives a token back (RFC 7009)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ...oauth import metadata, server
from . import cors, exchange

router = APIRouter(tags=["OAuth"])
PATH = metadata.PATHS["revocation"]


@router.post(PATH, summary="Revoke a token", operation_id="revoke")
async def act(request: Request) -> Response:
    """Ends the client's own refresh token with all that came of it, or one of its access tokens."""
    return (await exchange.answer(request, server.revoke))[1]


router.add_api_route(PATH, cors.preflight, methods=["OPTIONS"], include_in_schema=False)

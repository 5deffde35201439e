"""`/oauth/token`: a grant in, tokens out (RFC 6749 §3.2)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ...oauth import metadata, server
from ..kit import state
from . import cors, exchange

router = APIRouter(tags=["OAuth"])
PATH = metadata.PATHS["token"]


@router.post(PATH, summary="Get tokens", operation_id="token")
async def act(request: Request) -> Response:
    """Trades an authorization code, a refresh token, a password or the client's own credentials for tokens."""
    answer, response = await exchange.answer(request, server.token)
    if answer.status == 200 and answer.grant_type is not None:
        state.of(request).metrics.token_issued(answer.grant_type)
    return response


router.add_api_route(PATH, cors.preflight, methods=["OPTIONS"], include_in_schema=False)

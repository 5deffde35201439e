"""`/oauth/introspect`: whether a token is good right now (RFC 7662)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ...oauth import metadata, server
from . import exchange

router = APIRouter(tags=["OAuth"])


@router.post(metadata.PATHS["introspection"], summary="Ask about a token", operation_id="introspect")
async def act(request: Request) -> Response:
    """Tells a confidential client about its own tokens, or about those for an API it is registered for."""
    return (await exchange.answer(request, server.introspect, writes=False))[1]

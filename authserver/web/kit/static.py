"""Serves `web/static` under hashed names, for ever cacheable; every other name is 404."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import state

router = APIRouter()


@router.get("/static/{name}", include_in_schema=False)
async def static(request: Request, name: str) -> Response:
    """One file of ours."""
    asset = state.of(request).assets.find(name)
    if asset is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Type": asset.media_type}
    return Response(asset.body, headers=headers)

"""`/.well-known/…`: what programs read to find their way here. Public, cacheable, readable from every origin.

There is no `openid-configuration` as long as no ID tokens are issued.
"""

from __future__ import annotations

import json

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

import keys.jwks

from ...oauth import metadata as oauth_metadata
from ...oauth import signing_keys
from ..kit import state
from . import cors

router = APIRouter(tags=["Discovery"])
METADATA_PATH = "/.well-known/oauth-authorization-server"


@router.get(METADATA_PATH, summary="Server metadata", operation_id="serverMetadata")
async def metadata(request: Request) -> Response:
    """Endpoints and abilities of this server (RFC 8414)."""
    here = state.of(request)
    document = await here.database.read(
        lambda session: oauth_metadata.document(here.oauth, session, ui_locales=here.translations.codes)
    )
    body = json.dumps(document, separators=(",", ":")).encode()
    return _cacheable(request, body, keys.jwks.etag(body), "application/json")


@router.get(oauth_metadata.PATHS["jwks"], summary="Public keys", operation_id="keySet")
async def key_set(request: Request) -> Response:
    """The keys that access tokens are verified with (RFC 7517 §5)."""
    here = state.of(request)
    published = await here.database.read(lambda session: signing_keys.published(here.oauth, session))
    return _cacheable(request, published.body, published.etag, keys.jwks.MEDIA_TYPE)


def _cacheable(request: Request, body: bytes, etag: str, media_type: str) -> Response:
    headers = {"Cache-Control": keys.jwks.CACHE_CONTROL, "ETag": etag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in known or "*" in known:
        return cors.anyone(Response(status_code=304, headers=headers))
    return cors.anyone(Response(body, headers=headers, media_type=media_type))

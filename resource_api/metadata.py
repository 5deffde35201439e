"""`/.well-known/oauth-protected-resource`: what a client needs to know to get a token for this API (RFC 9728)."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from . import auth, state
from .settings import Settings

router = APIRouter(tags=["Operation"])

PATH = "/.well-known/oauth-protected-resource"


@router.get(PATH, operation_id="getProtectedResourceMetadata", summary="Read who issues tokens for this API")
async def protected_resource(house: state.House) -> JSONResponse:
    """The protected resource metadata of RFC 9728. Public."""
    return JSONResponse(document(house.settings), headers={"Cache-Control": "public, max-age=3600"})


def document(settings: Settings) -> dict[str, Any]:
    """The metadata of RFC 9728 §2."""
    return {
        "resource": settings.resource,
        "authorization_servers": [settings.issuer],
        "scopes_supported": list(auth.SCOPES),
        "bearer_methods_supported": ["header"],
        "resource_name": "Image gallery",
        "resource_documentation": f"{settings.resource}/docs",
    }

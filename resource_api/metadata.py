"""`/.well-known/oauth-protected-resource`: what a client needs to know to get a token for this API (RFC 9728)."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from . import auth, problems, state
from .settings import Settings

router = APIRouter(tags=["Operation"])

PATH = "/.well-known/oauth-protected-resource"


@router.get(PATH + "/{path:path}", include_in_schema=False)
@router.get(PATH, operation_id="getProtectedResourceMetadata", summary="Read who issues tokens for this API")
async def protected_resource(request: Request, house: state.House) -> JSONResponse:
    """The protected resource metadata of RFC 9728. Public."""
    # §3.1: the path of the resource follows the well-known part; another path is another resource.
    if request.path_params.get("path", house.settings.path.lstrip("/")) != house.settings.path.lstrip("/"):
        raise problems.not_found()
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

"""Which scripts of other origins may read our answers: those a client registered, and only that client's answers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ...oauth import clients
from ..kit import state

MAX_AGE_SECONDS = 600


def may_read(request: Request, response: Response, origins: tuple[str, ...]) -> None:
    """Let the calling script read this answer if its origin is among `origins`."""
    if origins and (origin := request.headers.get("origin")) in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate, Retry-After, X-Request-Id"


async def preflight(request: Request) -> Response:
    """The answer to a browser that asks whether a script may POST here: yes for origins of enabled clients."""
    response = Response(status_code=204, headers={"Vary": "Origin", "Allow": "POST, OPTIONS"})
    origin = request.headers.get("origin")
    if origin is None or len(origin) > 300:
        return response
    here = state.of(request)
    known = await here.database.read(
        lambda session: here.cache.get(session, "origin", origin, clients.allows_origin)
    )
    if known:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "POST"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = str(MAX_AGE_SECONDS)
    return response


def anyone(response: Response) -> Response:
    """Let every script read this: it is public, and no cookie plays a part in it."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "ETag, X-Request-Id"
    return response

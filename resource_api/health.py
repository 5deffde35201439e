"""Is it alive, may it be sent requests, and how is it doing: `/livez`, `/readyz`, `/metrics`."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from keys.errors import KeySetUnavailableError

from . import database, http, migrations, problems, state

router = APIRouter(tags=["Operation"], include_in_schema=False)


@router.get("/livez")
async def livez() -> JSONResponse:
    """200 while the process answers at all."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
async def readyz(request: Request, house: state.House) -> JSONResponse:
    """200 when the database answers in the right version and there are keys to judge tokens by; else 503.

    `?verbose` says which, to the addresses that may read metrics; others get 404.
    """
    verbose = "verbose" in request.query_params
    if verbose and not http.allowed(request, house.settings.metrics_allow):
        raise problems.not_found()
    checks = {"database": await _database(house), "keys": await _keys(house)}
    ready = all(each == "ok" for each in checks.values())
    body = {"status": "ready" if ready else "not ready"} | ({"checks": checks} if verbose else {})
    return JSONResponse(body, 200 if ready else 503, None if ready else {"Retry-After": "1"})


@router.get("/metrics")
async def metrics(request: Request, house: state.House) -> Response:
    """Prometheus's text format, to the addresses that may read it; others get 404."""
    if not http.allowed(request, house.settings.metrics_allow):
        raise problems.not_found()
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)


async def _database(house: state.State) -> str:
    """Nodes of the last version serve on while those of the next replace them one by one, on the new shape."""
    try:
        if await house.database.read(migrations.serves):
            return "ok"
        found = await house.database.read(migrations.version)
    except database.UnavailableError:
        return "does not answer"
    return f"is at version {found}, needs {migrations.HEAD}"


async def _keys(house: state.State) -> str:
    try:
        await house.verifier.aready()
    except KeySetUnavailableError:
        return "cannot be fetched, and none are young enough to rely on"
    return "ok"

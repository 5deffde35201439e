"""`/livez`, `/readyz`, `/metrics`: for whoever runs the server. Details and numbers only for addresses it lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .. import migrations
from ..oauth import signing_keys
from .kit import peers, problems, state

router = APIRouter()


@router.get("/livez", operation_id="livez", summary="Whether the process answers")
async def livez(request: Request) -> Response:
    """200 as long as the event loop turns."""
    return PlainTextResponse("ok\n")


@router.get("/readyz", operation_id="readyz", summary="Whether this process can do its work")
async def readyz(request: Request) -> Response:
    """200 when database, schema, signing keys and cache are as they must be, else 503; `?verbose` names each."""
    verbose = "verbose" in request.query_params
    if verbose:
        _refuse_strangers(request)
    # Side by side: of a slow database, whoever asks hears as soon as of a quick one that is down.
    found = await asyncio.gather(*(_try(check, request) for check in CHECKS.values()))
    results = dict(zip(CHECKS, found, strict=True))
    ready = all(result.startswith("ok") for result in results.values())
    headers = {} if ready else {"Retry-After": str(problems.RETRY_SECONDS)}
    if verbose:
        return JSONResponse({"ready": ready, "checks": results}, 200 if ready else 503, headers)
    return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503, headers)


@router.get("/metrics", operation_id="metrics", summary="Numbers for Prometheus")
async def metrics(request: Request) -> Response:
    """The text exposition format; 404 for addresses that `AUTHSERVER_METRICS_ALLOW` doesn't list."""
    _refuse_strangers(request)
    numbers = state.of(request).metrics
    return Response(numbers.text(), headers={"Content-Type": numbers.media_type})


def _refuse_strangers(request: Request) -> None:
    allowed = peers.networks(state.of(request).settings.metrics_allow)
    if request.client is None or not peers.among(request.client.host, allowed):
        raise HTTPException(404)


async def _try(check: Callable[[Request], Awaitable[str]], request: Request) -> str:
    try:
        return await check(request)
    except Exception as error:  # noqa: BLE001  whatever it is, this process isn't ready
        return f"failed: {type(error).__name__}"


async def _database(request: Request) -> str:
    await state.of(request).database.ready()
    return "ok"


async def _schema(request: Request) -> str:
    """Nodes of the last version serve on while those of the next replace them one by one, on the new shape."""
    store = state.of(request).database
    shape = await store.read(migrations.check)
    if shape == "current":
        return "ok"
    if shape == "ahead":
        return f"ok, at {await store.read(migrations.current)} by a newer program"
    return f"at {await store.read(migrations.current)}, this program expects {migrations.HEAD}"


async def _keys(request: Request) -> str:
    here = state.of(request)
    await here.database.read(lambda session: signing_keys.active(here.oauth, session))
    return "ok"


async def _cache(request: Request) -> str:
    return "stale" if state.of(request).cache.stale else "ok"


CHECKS: dict[str, Callable[[Request], Awaitable[str]]] = {
    "database": _database,
    "schema": _schema,
    "keys": _keys,
    "cache": _cache,
}

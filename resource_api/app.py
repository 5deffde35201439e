"""The application: settings in, FastAPI out. What a route does is in the module named after it."""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from keys.verifier import Verifier

from . import (
    clock,
    credits,
    database,
    docs,
    files,
    galleries,
    generation,
    health,
    http,
    images,
    inputs,
    logs,
    metadata,
    openapi,
    placements,
    problems,
    profile,
    settings,
    shares,
    state,
    studio,
    upkeep,
    uploads,
)
from .metrics import Metrics
from .problems import Problem

_SUPERVISOR_SECONDS = 0.5

ROUTERS = (
    profile,
    images,
    generation,
    uploads,
    galleries,
    placements,
    shares,
    credits,
    metadata,
    health,
    docs,
)

log = logs.get("app")


def create_app(settings: settings.Settings, *, clock: clock.Clock = clock.system) -> FastAPI:
    """The service for these settings. Nothing is opened before its lifespan starts."""
    metrics = Metrics()
    house = state.State(
        settings=settings,
        clock=clock,
        database=database.Database(settings.database_url),
        verifier=Verifier(settings.issuer, settings.resource, jwks_url=settings.jwks_url, clock=clock),
        files=files.Folder(settings.files),
        studio=studio.Studio(),
    )
    app = FastAPI(
        title="Image gallery",
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        servers=[{"url": settings.resource}],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _running(house),
    )
    app.state.resource_api = house
    app.state.metrics = metrics
    # Flat, not included: the router's own table of routes stays the whole truth, for Allow and for the documents.
    for module in ROUTERS:
        app.router.routes.extend(module.router.routes)
    app.add_middleware(http.Hygiene, settings=settings, metrics=metrics)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(database.UnavailableError, _unavailable)
    app.add_exception_handler(files.FullError, _full)
    app.add_exception_handler(OSError, _machine)
    return app


def from_environment() -> FastAPI:
    """The factory for uvicorn: settings from the environment. Raises `ConfigurationError`."""
    loaded = settings.load()
    logs.configure(loaded)
    app = create_app(loaded)
    _end_with_supervisor()
    gc.freeze()  # all of this stays: to look through it again and again would hold up requests by 0.1 s
    gc.set_threshold(10_000)  # of what requests leave behind
    return app


def _end_with_supervisor() -> None:
    """A worker whose supervisor was killed would hold the port against the next server: it finishes and ends."""
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def wait() -> None:
        while os.getppid() == supervisor.pid:
            time.sleep(_SUPERVISOR_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()


@contextlib.asynccontextmanager
async def _running(house: state.State) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(upkeep.run_forever(house))]
    async with house.verifier:
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await house.studio.close()
            await house.database.close()


def _send(request: Request, problem: Problem) -> Response:
    if problem.log:
        log.warning(problem.kind.code, why=problem.log, request_id=http.request_id(request))
    return http.render(problem, state.of(request).settings, http.request_id(request))


async def _problem(request: Request, problem: Any) -> Response:
    return _send(request, problem)


async def _invalid(request: Request, error: Any) -> Response:
    return _send(request, inputs.invalid(error.errors()))


async def _unrouted(request: Request, error: Any) -> Response:
    """What the router itself refuses: no such path, or no such method on it."""
    if error.status_code != 405:
        return _send(request, problems.not_found())
    allow = sorted(_methods(request))
    detail = f"This address knows {', '.join(allow)}."
    return _send(request, Problem("method_not_allowed", detail, headers={"Allow": ", ".join(allow)}))


def _methods(request: Request) -> set[str]:
    """Every method of this path, HEAD with GET (RFC 9110 §10.2.1)."""
    methods: set[str] = set()
    for route in request.app.router.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods
    return methods | ({"HEAD"} if "GET" in methods else set())


async def _unavailable(request: Request, error: Any) -> Response:
    problem = problems.busy()
    problem.log = str(error)
    return _send(request, problem)


async def _full(request: Request, error: Any) -> Response:
    return _send(request, Problem("storage_full", "The picture cannot be kept now.", log=str(error)))


async def _machine(request: Request, error: Any) -> Response:
    """The machine refuses us a file or a process: no more may be opened, or a disk fails. That passes."""
    log.error("machine_refuses", request_id=http.request_id(request), exc_info=error)
    return _send(request, problems.busy())

"""Puts the parts together into one ASGI application; nothing is decided here, and nothing lives outside it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from . import audit, cache, clock, credentials, database, i18n, jobs, limits, logs, settings
from .oauth import authorization_requests, signing_keys
from .oauth.context import OAuth
from .people import passwords
from .web import docs, health, protocol, sign_in
from .web.kit import assets, csrf, forms, metrics, middleware, problems, state, static, templates
from .web.protocol import well_known

FLUSH_SECONDS = 1.0
STOP_SECONDS = 5.0
_SUPERVISOR_SECONDS = 0.5


def create_app(config: settings.Settings, *, clock: clock.Clock = clock.system) -> FastAPI:
    """The application for these settings. Its background work starts and ends with the server's lifespan."""
    here = _build(config, clock)
    app = _App(
        title=config.product_name,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.authserver = here
    app.router.route_class = _Route
    app.router.routes.extend(_routes(config.path))
    app.add_exception_handler(HTTPException, problems.on_http)
    app.add_exception_handler(RequestValidationError, problems.on_validation)
    app.add_exception_handler(forms.FormError, problems.on_form)
    app.add_exception_handler(csrf.ForgeryError, problems.on_forgery)
    app.add_exception_handler(authorization_requests.RequestGone, problems.on_request_gone)
    app.add_exception_handler(database.UnavailableError, problems.on_unavailable)
    app.add_exception_handler(passwords.BusyError, problems.on_unavailable)
    app.add_exception_handler(OSError, problems.on_machine)
    return app


def from_environment() -> FastAPI:
    """uvicorn's factory: settings come from the environment. Raises settings.ConfigurationError."""
    config = settings.load()
    logs.configure(config)
    app = create_app(config)
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


def _build(config: settings.Settings, now: clock.Clock) -> state.State:
    store = database.Database(config.database_url, pool_size=config.pool_size, hurried=True)
    kept = cache.Cache(store, config.valkey_url)
    secret_keys = credentials.SecretKeys.load(config)
    lane = passwords.Lane(config)
    limiter = limits.Limits(store, now, config.valkey_url)
    buffer = audit.Buffer()
    return state.State(
        settings=config,
        clock=now,
        database=store,
        cache=kept,
        secret_keys=secret_keys,
        passwords=lane,
        limits=limiter,
        oauth=OAuth(config, now, kept, secret_keys, lane, limiter, buffer),
        audit_buffer=buffer,
        translations=i18n.Translations(),
        templates=templates.Templates(),
        assets=assets.Assets(),
        metrics=metrics.Metrics(),
    )


class _App(FastAPI):
    """FastAPI without its layers around `Edge`, which bounds bodies and answers for what nobody expected itself."""

    def build_middleware_stack(self) -> ASGIApp:
        inner = ExceptionMiddleware(self.router, self.exception_handlers)
        return middleware.Edge(inner, self.state.authserver)


class _Route(APIRoute):
    """A route of FastAPI that doesn't ask at each call what its function needs, where that is the request alone.

    Nor is there a stack for what else would be opened and closed for it.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **named: Any) -> None:
        super().__init__(path, endpoint, **named)

        async def plain(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        if [*inspect.signature(endpoint).parameters] == ["request"]:
            self.app = plain
        else:
            self.app = AsyncExitStackMiddleware(self.app)


@functools.cache
def _routes(path: str) -> tuple[BaseRoute, ...]:
    """Every route below the issuer's path, flat: a router inside a router is searched twice at each request."""
    flat = APIRouter(route_class=_Route)
    for router in (*protocol.ROUTERS, *sign_in.ROUTERS, *docs.ROUTERS, static.router, health.router):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            flat.add_api_route(
                path + route.path,
                route.endpoint,
                methods=sorted(route.methods or ()),
                summary=route.summary,
                operation_id=route.operation_id,
                include_in_schema=route.include_in_schema,
            )
    if path:  # RFC 8414 §3.1: the well-known part goes between host and path
        address = f"/.well-known/oauth-authorization-server{path}"
        flat.add_api_route(address, well_known.metadata, include_in_schema=False)
    return tuple(flat.routes)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    here: state.State = app.state.authserver
    try:
        await here.database.transaction(lambda session: signing_keys.ensure(here.oauth, session))
        await here.cache.refresh()
    except database.UnavailableError as error:
        # `serve` has seen all in order. A worker that replaces a dead one must not end the others: it answers 503.
        logs.get_logger().warning("started while the database does not answer", error=str(error)[:200])
    tasks = [
        asyncio.create_task(here.cache.follow(), name="cache"),
        asyncio.create_task(
            jobs.run_forever(jobs.Context(here.settings, here.clock, here.database, here.oauth)), name="jobs"
        ),
        asyncio.create_task(_flush_forever(here), name="audit"),
    ]
    try:
        yield
    finally:
        await _come_to_rest(here)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await here.audit_buffer.flush(here.database)
        await here.cache.close()
        await here.limits.close()
        here.passwords.close()
        await here.database.close()


async def _come_to_rest(here: state.State) -> None:
    """Waits for the end of what the background is writing: cut off in the middle, a connection is lost with it."""
    for _ in range(int(STOP_SECONDS / 0.01)):
        if not here.database.running:
            return
        await asyncio.sleep(0.01)


async def _flush_forever(here: state.State) -> None:
    log = logs.get_logger("audit")
    told = 0
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        try:
            await here.audit_buffer.flush(here.database)
        except database.UnavailableError:
            log.warning("audit events wait: the database does not answer")
        if (lost := here.audit_buffer.lost) > told:
            here.metrics.events_lost(lost - told)
            log.error(
                "audit events are lost: too many waited for the database", lost=lost - told, in_all=lost
            )
            told = lost

"""Runs the demo: the authorization server in this process, the gallery beside it, and says when both are ready."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
import subprocess
import time

import httpx2
import uvicorn

from ... import app, logs, settings
from .. import exits, running, serve, terminal
from . import registering, seeding, words
from .places import Places

READY_SECONDS = 60
POLL_SECONDS = 0.05


async def run(places: Places, gallery: subprocess.Popen[bytes]) -> None:
    """Returns when somebody stops the demo. Raises CommandError when the gallery can't start."""
    began = time.monotonic()
    config = settings.load(
        issuer=places.issuer,
        port=places.port,
        database_url=f"sqlite:///{places.folder}/authserver.db",
        log_level="warning",
    )
    logs.configure(config)
    async with running.opened(config) as here:
        facts = await registering.register(here, places)
    server = uvicorn.Server(uvicorn.Config(app.create_app(config), **serve.options(config)))
    serving = asyncio.create_task(server.serve())
    # uvicorn repeats the signal that ended it once everything is answered: by then we are done anyhow.
    ended_by: list[int] = []
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, lambda number, _frame: ended_by.append(number))
    try:
        # It speaks plain http with this machine alone, and need not load whom the world trusts.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx2.AsyncClient(verify=nobody, trust_env=False, timeout=30) as http:
            for ready in (places.issuer, places.resource):
                await _until_ready(http, f"{ready}/readyz", serving, gallery)
            if not places.filled.exists():
                await seeding.seed(http, facts)
                places.filled.touch()
        registering.write(places.file, facts)
        words.welcome(places, facts, seconds=time.monotonic() - began)
        await _until_either_ends(serving, gallery)
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    terminal.say("Stopped.")
    if signal.SIGINT in ended_by:
        raise SystemExit(exits.INTERRUPTED)


async def _until_ready(
    http: httpx2.AsyncClient, url: str, serving: asyncio.Task[None], gallery: subprocess.Popen[bytes]
) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and not serving.done():
        if gallery.poll() is not None:
            raise exits.CommandError(
                f"The gallery ended with exit code {gallery.returncode}; what it said stands above.",
                exits.NOT_READY,
            )
        with contextlib.suppress(httpx2.TransportError):
            if (await http.get(url)).status_code == 200:
                return
        await asyncio.sleep(POLL_SECONDS)
    raise exits.CommandError(f"{url} did not answer within {READY_SECONDS} seconds.", exits.NOT_READY)


async def _until_either_ends(serving: asyncio.Task[None], gallery: subprocess.Popen[bytes]) -> None:
    while not serving.done():
        if gallery.poll() is not None:
            raise exits.CommandError(
                f"The gallery ended by itself with exit code {gallery.returncode}.", exits.FAILED
            )
        await asyncio.wait([serving], timeout=0.5)

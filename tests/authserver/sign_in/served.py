"""The real server on a real port, in a thread of its own, for browsers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from authserver import app as application
from authserver import clock, database, migrations, settings
from authserver.oauth import clients

from .conftest import register

LONG = "Das Außergewöhnlichlangefotobuchdruckereiprogramm für alle Fälle"


@dataclass(frozen=True)
class Served:
    """Where the server is, and the apps it knows."""

    issuer: str
    callback: str
    web: clients.Client
    long: clients.Client
    local: clients.Client


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """Runs until the block ends; with apps that wait for answers at an address of its own, where nothing reads them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        config = settings.load(
            issuer=f"http://localhost:{port}",
            database_url=f"sqlite:///{folder}/authserver.db",
            password_memory_kib=8,
            password_passes=1,
        )
        asyncio.run(migrations.upgrade(config.database_url))
        callback = f"{config.issuer}/livez"
        apps = asyncio.run(_apps(config.database_url, callback))
        app = application.create_app(config)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(config.issuer, callback, *apps)
        finally:
            server.should_exit = True
            thread.join()


async def _apps(url: str, callback: str) -> list[clients.Client]:
    store = database.Database(url)
    wanted = (("Photo print", callback), (LONG, callback), ("Tool", "http://127.0.0.1/callback"))
    try:
        return await store.transaction(
            lambda session: [register(session, clock.system(), name, address) for name, address in wanted]
        )
    finally:
        await store.close()

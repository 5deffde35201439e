"""Fresh databases: built once a run by the service's own migrations, then copied for each test.

A SQLite database is copied as a file, a PostgreSQL one by `CREATE DATABASE … TEMPLATE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa

from . import run, servers

KINDS = ("sqlite", "postgresql")
Build = Callable[[str], Awaitable[None]]
Template = tuple[str, Build]
_GOODBYE_SECONDS = 10.0
_numbers = itertools.count(1)
_connections: list[Any] = []
_turn = asyncio.Lock()


@contextlib.asynccontextmanager
async def fresh(kind: str, service: str, build: Build, folder: Path) -> AsyncIterator[str]:
    """The address of a copy of what `build` makes of an empty database; the copy goes with the block."""
    if kind == "sqlite":
        yield await _sqlite(service, build, folder)
        return
    name = f"{service}_{os.getpid()}_{next(_numbers)}"
    await _copy(await _template(service, build), name)
    try:
        yield _named(name)
    finally:
        await _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.asynccontextmanager
async def empty(kind: str, folder: Path) -> AsyncIterator[str]:
    """The address of a database with nothing in it."""

    async def nothing(_url: str) -> None:
        pass

    async with fresh(kind, "empty", nothing, folder) as url:
        yield url


def close() -> None:
    """Ends what the making of databases has left open."""
    for connection in _connections:
        asyncio.run_coroutine_threadsafe(connection.close(), _clerk()).result(_GOODBYE_SECONDS)
    _connections.clear()


async def _sqlite(service: str, build: Build, folder: Path) -> str:
    with run.alone(f"sqlite-{service}") as mark:
        template = mark.with_suffix(".db")
        if not template.exists():
            unfinished = mark.with_suffix(".unfinished")
            await build(f"sqlite:///{unfinished}")
            unfinished.touch()  # an empty database has no file yet
            # Closed properly, SQLite has moved everything from its log into the file.
            assert not unfinished.with_name(unfinished.name + "-wal").exists()
            unfinished.replace(template)
    copy = folder / f"{service}-{next(_numbers)}.db"
    shutil.copyfile(template, copy)
    return f"sqlite:///{copy}"


async def _template(service: str, build: Build) -> str:
    name = f"template_{service}"
    with run.alone(f"postgresql-{service}") as mark:
        done = mark.with_suffix(".done")
        if not done.exists():
            await _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await _execute(f'CREATE DATABASE "{name}"')
            await build(_named(name))
            done.touch()
    return name


async def _copy(template: str, name: str) -> None:
    # PostgreSQL copies a template only while nobody is connected to it, so only one process copies at a time.
    with run.alone(f"copy-{template}"):
        await _execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')


def _named(name: str) -> str:
    server = sa.make_url(servers.url("postgresql"))
    return server.set(database=name).render_as_string(hide_password=False)


async def _execute(statement: str) -> None:
    """On the process's one connection, in a loop of its own: each test has another, and connecting takes as long as
    a database's end."""
    done = asyncio.run_coroutine_threadsafe(_told(statement), _clerk())
    await asyncio.wrap_future(done)


@functools.cache
def _clerk() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="databases", daemon=True).start()
    return loop


async def _told(statement: str) -> None:
    async with _turn:
        if not _connections or _connections[-1].is_closed():
            _connections.append(await asyncpg.connect(servers.url("postgresql")))
        await _connections[-1].execute(statement)

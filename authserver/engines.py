"""How the two databases are spoken to: drivers, pools, time limits, SQLite's pragmas and its honest BEGIN.

`database` runs work on what is made here; nobody else needs it but `migrations`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolResetState
from sqlalchemy.util import concurrency

# A client hears 503 after about this long when the database does not answer.
CONNECT_SECONDS, POOL_SECONDS, COMMAND_SECONDS = 2.0, 2.5, 2.5
# SQLite waits this long for other processes to finish writing.
BUSY_SECONDS = 5.0
# After one that hung, connections are not even tried for so long: those who queue shall not wait in vain as well.
_PAUSE_SECONDS = 1.0

# So long may a request's transaction take, with the wait for its connection. Measured in slices: when it is this
# process that stood still, that costs one of them. And so many it has in any case once it has a connection.
TURN_SECONDS = 2.5
_SLICES, _LEAST_SLICES = 10, 2
# When the work that runs now asked for the database; its wait for a connection counts.
asked_at: ContextVar[float] = ContextVar("asked_at")

_BEGIN = "sqlite_begin"
# Primary result codes (sqlite.org/rescode.html): BUSY LOCKED NOMEM READONLY IOERR FULL CANTOPEN PROTOCOL.
_SQLITE_PASSES = frozenset({5, 6, 7, 8, 10, 13, 14, 15})
# SQLSTATE classes and codes: connection, authorisation, rollback, resources, state, operator, system, read-only.
_POSTGRESQL_PASSES = ("08", "28", "3D", "40", "53", "55", "57", "58", "25006")


def create(url: str, *, pool_size: int, patient: bool = False, hurried: bool = False) -> AsyncEngine:
    """An engine for `sqlite:///path` (on aiosqlite) or `postgresql://…` (on asyncpg).

    `patient` lifts the time limit of commands, for migrations; `hurried` puts one on transactions, for requests.
    """
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(address, pool_size)
    return _postgresql(address, pool_size, patient, hurried)


def for_reading(engine: AsyncEngine) -> AsyncEngine:
    """The engine without BEGIN and ROLLBACK: a read of one statement is one round trip instead of three.

    In READ COMMITTED they would add nothing: each statement sees what is committed when it begins.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_BEGIN: None})
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def for_writing(engine: AsyncEngine) -> AsyncEngine:
    """The engine that begins as a writer: on SQLite, a read that turns into a write fails at once under load."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
    return engine


def passes(error: exc.DBAPIError) -> bool:
    """Whether the trouble is the database's and may pass, rather than a fault of ours."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_PASSES
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_POSTGRESQL_PASSES)
    return isinstance(error, exc.InterfaceError)


def _sqlite(address: sa.URL, pool_size: int) -> AsyncEngine:
    if address.database:
        _make_private(Path(address.database))
    engine = create_async_engine(
        address.set(drivername="sqlite+aiosqlite"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,  # an error's text goes to the log
        pool_reset_on_return=None,  # `_reset` does
    )
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "reset", _reset)
    return engine


def _make_private(path: Path) -> None:
    """The file, and the folder if it is missing, for this user alone; SQLite's own files take over the mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        pass  # Opening it will fail in a moment, where failures have answers.


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    milliseconds = int(BUSY_SECONDS * 1000)
    for pragma in (f"busy_timeout={milliseconds}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _use_wal(cursor)
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Readers and a writer at once. Of many processes that switch a new file, SQLite lets one and refuses the others
    without waiting, so we wait."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            concurrency.await_(asyncio.sleep(0.02))
        else:
            return


def _begin(connection: sa.Connection) -> None:
    if begin := connection.get_execution_options().get(_BEGIN, "BEGIN"):
        connection.exec_driver_sql(begin)


def _reset(connection: Any, _record: object, state: PoolResetState) -> None:
    # After a commit that failed the transaction is still open. Else, asking spares a hop to the driver's thread.
    if not state.terminate_only and connection.driver_connection.in_transaction:
        connection.rollback()


def _postgresql(address: sa.URL, pool_size: int, patient: bool, hurried: bool) -> AsyncEngine:
    engine = create_async_engine(
        address.set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,  # an error's text goes to the log
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": None if patient else COMMAND_SECONDS,
            "server_settings": {
                "application_name": "authserver",
                "timezone": "UTC",
                "jit": "off",
                # Waiting for a lock, PostgreSQL does not notice that we have gone, and the next waits beside it.
                "statement_timeout": "0" if patient else str(int(COMMAND_SECONDS * 1000) + 500),
            },
        },
    )
    hangs = _Hangs()
    event.listen(engine.sync_engine, "do_connect", hangs.connect)
    event.listen(engine.sync_engine, "handle_error", hangs.note)
    if hurried:
        turns = _Turns(hangs)
        event.listen(engine.sync_engine, "checkout", turns.begin)
        event.listen(engine.sync_engine, "checkin", turns.end)
        event.listen(engine.sync_engine, "invalidate", turns.end)
    return engine


class _Hangs:
    """Keeps those who queued for a database that hangs from waiting once more."""

    def __init__(self) -> None:
        self._until = 0.0

    def connect(self, dialect: Any, _record: object, arguments: Any, options: Any) -> Any:
        """A new connection. Raises TimeoutError when that takes too long, and at once shortly after one hung."""
        if time.monotonic() < self._until:
            raise TimeoutError("the database did not answer a moment ago")
        try:
            return dialect.connect(*arguments, **options)
        except TimeoutError:
            self.pause()
            raise

    def pause(self) -> None:
        self._until = time.monotonic() + _PAUSE_SECONDS

    def note(self, context: sa.ExceptionContext) -> None:
        """After any error. A connection that timed out is cut at once: rolling back on it would hang as well."""
        if not isinstance(context.original_exception, TimeoutError):
            return
        self.pause()
        if context.connection is not None:
            context.is_disconnect = True
            driver: Any = context.connection.connection.driver_connection
            driver.terminate()


_TURN = "turn"


class _Turns:
    """Ends transactions that take longer than callers wait, however short each of their statements is."""

    def __init__(self, hangs: _Hangs) -> None:
        self._hangs = hangs

    def begin(self, connection: Any, record: Any, _proxy: object) -> None:
        now = time.monotonic()
        waited = round((now - asked_at.get(now)) / TURN_SECONDS * _SLICES)
        self._wait(connection, record, max(_LEAST_SLICES, _SLICES - waited))

    def end(self, _connection: object, record: Any, _error: object = None) -> None:
        if (turn := record.info.pop(_TURN, None)) is not None:
            turn.cancel()

    def _wait(self, connection: Any, record: Any, slices: int) -> None:
        loop = asyncio.get_running_loop()
        record.info[_TURN] = loop.call_later(
            TURN_SECONDS / _SLICES, self._look, connection, record, slices - 1
        )

    def _look(self, connection: Any, record: Any, slices: int) -> None:
        if slices:
            self._wait(connection, record, slices)
        else:  # whoever waits for an answer hears at once that the connection is cut
            self._hangs.pause()
            connection.driver_connection.terminate()

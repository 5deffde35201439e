"""The bridge between asynchronous routes and synchronous verbs, and the one `metadata` all tables hang on.

A verb is a plain function on a `Session`; a route runs it by `await database.transaction(verb)` or
`await database.read(verb)`. No table lives here.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# So long may a database take to answer; then the caller hears 503, within three seconds in all.
PATIENCE_SECONDS = 2.5
# Waited for in slices: when it is this process that stood still, that costs one slice and not the whole patience.
_SLICES, _LEAST_SLICES = 10, 2
# When the request began that is answered now: its caller has waited for its picture as well.
asked_at: ContextVar[float] = ContextVar("asked_at")
# What was given up on is cancelled; the driver's own limits only end what would hang on all the same.
_DRIVER_SECONDS = 10.0
_BEGIN = "sqlite_begin"
# SQLSTATE classes and codes: connection, authorisation, rollback, resources, state, operator, system, read-only.
_POSTGRESQL_PASSES = ("08", "28", "3D", "40", "53", "55", "57", "58", "25006")


class UnavailableError(Exception):
    """The database does not answer now. The caller may try again."""


class Database:
    """One engine, opened lazily. `sqlite:///path` runs on aiosqlite, `postgresql://…` on asyncpg."""

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.engine = engine(url, pool_size=pool_size)
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        self._writing = self.engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        # A read of one statement needs no BEGIN and no ROLLBACK: one round trip instead of three.
        alone = {_BEGIN: None} if self._is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._reading = self.engine.execution_options(**alone)
        # SQLite has one writer at a time; queueing here is fair, while its own waiting is by polling.
        self._writer: contextlib.AbstractAsyncContextManager[Any] = (
            asyncio.Lock() if self._is_sqlite else contextlib.nullcontext()
        )
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def transaction(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, after its changes are committed; whatever it raises rolls them back.

        Raises `UnavailableError` when the database cannot be reached or is locked for too long. When that happens
        during the commit, nobody knows whether it was one.
        """
        return await self._patiently(self._transaction(work))

    async def read(self, work: Callable[[Session], T]) -> T:
        """What `work` returns. It must not write; each of its statements sees what is committed by then."""
        return await self._patiently(self._read(work))

    async def ready(self) -> None:
        """Returns when the database answers, raises `UnavailableError` when it does not."""
        await self.read(lambda session: session.execute(sa.text("SELECT 1")))

    async def close(self) -> None:
        await asyncio.gather(*self._abandoned, return_exceptions=True)
        await self.engine.dispose()

    async def _transaction(self, work: Callable[[Session], T]) -> T:
        async with self._writer, _session(self._writing) as session:
            answer = await session.run_sync(work)
            await session.commit()
            return answer

    async def _read(self, work: Callable[[Session], T]) -> T:
        async with _session(self._reading) as session:
            return await session.run_sync(work)

    async def _patiently(self, working: Coroutine[Any, Any, T]) -> T:
        if self._is_sqlite:
            return await working  # a file answers, and its driver's threads cannot be interrupted
        # A server that hangs also lets a connection's end take seconds: the caller need not wait for that.
        task = asyncio.create_task(working)
        now, slice_seconds = time.monotonic(), PATIENCE_SECONDS / _SLICES
        waited = round((now - asked_at.get(now)) / slice_seconds)
        try:
            for _ in range(max(_LEAST_SLICES, _SLICES - waited)):
                done, _pending = await asyncio.wait({task}, timeout=slice_seconds)
                if done:
                    break
        finally:
            if not task.done():
                task.cancel()
                self._abandoned.add(task)
                task.add_done_callback(self._buried)
        if not task.done():
            raise UnavailableError(f"no answer within {time.monotonic() - now:.1f} s")
        return task.result()

    def _buried(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, or asyncio would complain


def insert(session: Session, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    """An INSERT of the session's database, which knows ON CONFLICT."""
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # a heavy one, which those with SQLite never need

    return postgresql.insert(table)


@contextlib.asynccontextmanager
async def _session(bind: AsyncEngine) -> AsyncIterator[AsyncSession]:
    try:
        async with AsyncSession(bind, expire_on_commit=False) as session:
            yield session
    except exc.IntegrityError:
        raise
    except (exc.TimeoutError, TimeoutError, OSError) as error:
        raise UnavailableError(str(error)) from error
    except exc.DBAPIError as error:
        if error.connection_invalidated or _temporary(error):
            raise UnavailableError(str(error.orig)) from error
        raise


def engine(url: str, *, pool_size: int = 5, patient: bool = False) -> AsyncEngine:
    """An engine for one of our two databases, with SQLite's pragmas and its honest BEGIN.

    `patient` lifts the time limit of statements, for migrations.
    """
    address = sa.make_url(url)
    if address.get_backend_name() == "postgresql":
        return create_async_engine(
            address.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=_DRIVER_SECONDS,
            hide_parameters=True,  # an error's text goes to the log
            connect_args={
                "timeout": _DRIVER_SECONDS,
                "command_timeout": None if patient else _DRIVER_SECONDS,
                "server_settings": {
                    "application_name": "resource-api",
                    "jit": "off",
                    # Waiting for a lock, PostgreSQL does not notice that we have gone, and the next waits beside it.
                    "statement_timeout": "0" if patient else str(int(_DRIVER_SECONDS * 1000)),
                },
            },
        )
    made = create_async_engine(
        address.set(drivername="sqlite+aiosqlite"),
        pool_size=pool_size,
        pool_timeout=_DRIVER_SECONDS,
        hide_parameters=True,
    )
    event.listen(made.sync_engine, "connect", _prepare_sqlite)
    event.listen(made.sync_engine, "begin", _begin_sqlite)
    return made


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A read that turns into a write fails at once under load, so writers say it from the start.
    if begin := connection.get_execution_options().get(_BEGIN, "BEGIN"):
        connection.exec_driver_sql(begin)


def _temporary(error: exc.DBAPIError) -> bool:
    """True for what passes by itself: a locked file, a server that starts or stops, a deadlock it resolved."""
    code = getattr(error.orig, "sqlstate", None) or ""
    if code:
        return code.startswith(_POSTGRESQL_PASSES)
    return isinstance(error, (exc.OperationalError, exc.InterfaceError)) and "no such" not in str(error.orig)

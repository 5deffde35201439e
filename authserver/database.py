"""The one bridge between asynchronous routes and synchronous verbs, and the `metadata` that all tables hang on.

A verb is a plain function on a `Session`; the web runs it by `await database.transaction(verb)` or
`await database.read(verb)`. Connection and, on SQLite, the right to write are taken at the first statement, so work
that finds all it needs in the cache costs no round trip. How the two engines are set up is in `engines`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session
from sqlalchemy.util import concurrency

from . import engines, greenlets

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

_IDLE_SESSIONS = 100

# The session whose work runs now; `await_` looks at it.
_running: ContextVar[Session | None] = ContextVar("running", default=None)


class UnavailableError(Exception):
    """The database does not answer now, or not in time; the caller may try again.

    Nothing was changed, unless it was the answer to the commit that got lost.
    """


class Refused(Exception):
    """Raised by work that answers with an error: rolled back unless kept, then the web sends `answer`."""

    def __init__(self, answer: Any) -> None:
        super().__init__("refused")
        self.answer = answer


class Database:
    """The database of this process, opened at the first statement. `sqlite:///path` or `postgresql://…`.

    `hurried` is for those whose callers wait: no transaction on PostgreSQL takes longer than they do.
    """

    def __init__(self, url: str, *, pool_size: int = 5, hurried: bool = False) -> None:
        self.engine = engines.create(url, pool_size=pool_size, hurried=hurried)
        # How many pieces of work run now. Whoever stops the service cancels nothing while there are any.
        self.running = 0
        self.after_commit: list[Callable[[Session], None]] = []
        self._readers = _Sessions(engines.for_reading(self.engine), None)
        self._writers = _Sessions(engines.for_writing(self.engine), self)
        self._greenlets = greenlets.Greenlets()
        # SQLite has one writer at a time. Queueing here is fair, while its own waiting is by polling.
        self.writer = asyncio.Lock() if self.engine.dialect.name == "sqlite" else None

    async def transaction(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, once its changes are committed.

        What it raises rolls them back, unless it called `keep`. Raises `UnavailableError`.
        """
        return await self._ask(self._writers, work)

    async def read(self, work: Callable[[Session], T]) -> T:
        """What `work` returns; it must not write. Each statement sees what is committed by then.

        Raises `UnavailableError`, and RuntimeError when the work tries to write.
        """
        return await self._ask(self._readers, work)

    async def ready(self) -> None:
        """Returns when the database answers. Raises `UnavailableError`."""
        await self.read(lambda session: session.execute(sa.text("SELECT 1")))

    async def _ask(self, sessions: _Sessions, work: Callable[[Session], T]) -> T:
        self.running += 1
        try:
            return await self._greenlets.run(functools.partial(_run, sessions, work))
        except (exc.TimeoutError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error
        except exc.DBAPIError as error:
            if engines.passes(error):
                raise UnavailableError(str(error.orig)) from error
            raise
        finally:
            self.running -= 1

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()


class _Session(Session):
    """A session that takes the right to write before it takes a connection."""

    def get_bind(self, mapper: Any = None, *, clause: Any = None, **rest: Any) -> sa.Engine | sa.Connection:
        owner: Database | None = self.info[_OWNER]
        if owner is None:
            if isinstance(clause, sa.UpdateBase):
                raise RuntimeError("This work writes: run it by `transaction`, not by `read`.")
        elif owner.writer is not None and not self.info.get(_WRITER):
            concurrency.await_(_take(owner.writer))
            self.info[_WRITER] = True
        return super().get_bind(mapper, clause=clause, **rest)


# What a session remembers of its transaction. `_OWNER` is the Database it may write to, None for a reader.
_OWNER, _WRITER, _KEPT = "owner", "writer", "kept"


def keep(session: Session) -> None:
    """Commit what was done although an error answer follows: the only way to do so."""
    session.info[_KEPT] = True


def release(session: Session) -> None:
    """Commit what was done and give back the connection; the next statement begins a new transaction."""
    _commit(session)
    _end(session)


def await_(awaitable: Awaitable[T]) -> T:
    """The result of something slow, from inside work: hashing, fetching, the limiter.

    Raises RuntimeError while the work has a transaction open (`release` it first), so that none is ever held.
    """
    session = _running.get()
    if session is not None and session.in_transaction():
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise RuntimeError("A transaction is open: call database.release(session) before waiting.")
    answer = concurrency.await_(awaitable)
    engines.asked_at.set(time.monotonic())
    return answer


def insert(session: Session, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of the session's database, which knows ON CONFLICT."""
    assert session.bind is not None
    if session.bind.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # a heavy one, which those with SQLite never need

    return postgresql.insert(table)


def delete_batch(session: Session, column: sa.Column[Any], until: Any, limit: int) -> int:
    """Delete at most `limit` rows of the column's table, those where it is lowest and not above `until`; returns how
    many. The column needs an index."""
    table = column.table
    assert isinstance(table, sa.Table)
    key = [*table.primary_key]
    # Ordered, or PostgreSQL looks through the table where it guesses that many rows are due: they may come last.
    chosen = sa.select(*key).where(column <= until).order_by(column).limit(limit)
    statement = sa.delete(table).where((sa.tuple_(*key) if len(key) > 1 else key[0]).in_(chosen))
    return int(getattr(session.execute(statement), "rowcount"))  # noqa: B009  mypy knows only Result here


class _Sessions:
    """Sessions of one kind. To make one takes a request longer than to use it, so those that ended well are kept."""

    def __init__(self, bind: AsyncEngine, owner: Database | None) -> None:
        self._bind, self._owner = bind.sync_engine, owner
        self._idle: deque[Session] = deque(maxlen=_IDLE_SESSIONS)

    def take(self) -> Session:
        session = self._idle.pop() if self._idle else _Session(self._bind, expire_on_commit=False)
        session.info[_OWNER] = self._owner
        return session

    def give_back(self, session: Session) -> None:
        session.info.clear()  # what one request noted must not reach the next
        self._idle.append(session)


def _run(sessions: _Sessions, work: Callable[[Session], T]) -> T:
    """The work and its end, in one go: nothing is left open, whatever happens to the request around it."""
    session = sessions.take()
    token = _running.set(session)
    engines.asked_at.set(time.monotonic())
    try:
        answer = work(session)
        _commit(session)
    except Exception:
        if session.info.get(_KEPT) and session.is_active:
            _commit(session)
        raise
    finally:
        _running.reset(token)
        _end(session)
        sessions.give_back(session)
    return answer


def _commit(session: Session) -> None:
    owner: Database | None = session.info[_OWNER]
    if owner is not None and session.in_transaction():
        session.commit()
        for tell in owner.after_commit:
            tell(session)


def _end(session: Session) -> None:
    """Give back the connection (rolling back what wasn't committed), then the right to write."""
    try:
        if session.in_transaction():
            session.close()
    finally:
        if session.info.pop(_WRITER, False):
            session.info[_OWNER].writer.release()


async def _take(lock: asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(engines.BUSY_SECONDS):
            await lock.acquire()
    except TimeoutError:
        raise UnavailableError("other writers don't let go of the database") from None

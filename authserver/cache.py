"""What every request needs and seldom changes, kept in the process; and the log of changes by which all follow.

A change raises the one version row in its own transaction and names what changed. Each process reads that row twice
a second and drops what changed; the process that made the change drops it at its commit. What is kept here belongs
to the rooms that load it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from . import database, logs

if TYPE_CHECKING:
    from .valkey import Valkey

T = TypeVar("T")

POLL_SECONDS = 0.5
STALE_SECONDS = 30.0
CAPACITY = 20_000
# Whoever asks for what doesn't exist shall not push out what does.
ABSENT_CAPACITY = 5_000
# Changes kept for those who follow; who missed more drops everything.
LOG_LENGTH = 1_000
# More changes than anybody has followed since the last backup.
_LEAP = 1_000_000_000
CHANNEL = "authserver/changes"

versions = sa.Table(
    "cache_version",
    database.metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.BigInteger, nullable=False),
)
changes = sa.Table(
    "cache_changes",
    database.metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
)

Name = tuple[str, str]
_CHANGED = "changed"


def changed(session: Session, kind: str, key: str) -> None:
    """Tell every process, once this transaction commits, to forget what it keeps under this kind and key."""
    raised = sa.update(versions).values(n=versions.c.n + 1).returning(versions.c.n)
    # The row stays locked until the commit, so versions are in the order of commits.
    version = session.execute(raised).scalar_one()
    session.execute(sa.insert(changes).values(version=version, kind=kind, key=key))
    session.info.setdefault(_CHANGED, set()).add((kind, key))


def all_changed(session: Session) -> None:
    """Tell every process to forget all it keeps, those included that know a later version than a restored database."""
    session.execute(sa.update(versions).values(n=versions.c.n + _LEAP))


def delete_expired(session: Session, limit: int) -> int:
    """Delete at most `limit` changes that everybody has followed or missed; returns how many."""
    newest = sa.select(versions.c.n).scalar_subquery()
    return database.delete_batch(session, changes.c.version, newest - LOG_LENGTH, limit)


class Cache:
    """One process' cache. `follow` runs as a task for as long as the process serves."""

    def __init__(
        self,
        store: database.Database,
        valkey_url: str | None = None,
        *,
        stale_seconds: float = STALE_SECONDS,
    ) -> None:
        self._database = store
        self._stale_seconds = stale_seconds
        self._valkey: Valkey | None = None
        self._present: OrderedDict[Name, Any] = OrderedDict()
        self._absent: OrderedDict[Name, None] = OrderedDict()
        self._version: int | None = None
        self._generation = 0
        # Not the wall clock: being stale is about this process, whatever the time is set to.
        self._read_at = time.monotonic()
        self._refreshing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = logs.get_logger("cache")
        store.after_commit.append(self._committed)
        if valkey_url:
            from . import valkey  # heavy, and most have none

            self._valkey, self._failures = valkey.for_telling(valkey_url), valkey.FAILURES

    @property
    def stale(self) -> bool:
        """Whether changes could not be followed for so long that nothing here may be believed."""
        return time.monotonic() - self._read_at > self._stale_seconds

    def get(
        self, session: Session, kind: str, key: str, load: Callable[[Session, str], T | None]
    ) -> T | None:
        """What `load(session, key)` answers, from memory if it is there; that there is nothing is kept as well.

        What a transaction has changed itself it sees as it is in that transaction.
        """
        name = (kind, key)
        own: set[Name] = session.info.get(_CHANGED, set())
        if name not in own:
            if name in self._present:
                self._present.move_to_end(name)
                return cast(T, self._present[name])
            if name in self._absent:
                self._absent.move_to_end(name)
                return None
        generation = self._generation
        value = load(session, key)
        # Not kept: what may be older than a change that came meanwhile, or may yet be rolled back.
        if generation == self._generation and not own:
            self._keep(name, value)
        return value

    async def refresh(self) -> None:
        """Forget what has changed up to now. Raises database.UnavailableError."""
        async with self._refreshing:
            known = self._version
            version, names = await self._database.read(lambda session: _since(session, known))
            if known is None or version < known or len(names) != version - known:
                self._drop(None)  # the first time, or changes are missing from the log
            elif names:
                self._drop(names)
            self._version = version
            self._read_at = time.monotonic()

    async def follow(self) -> None:
        """Refresh twice a second and whenever Valkey tells of a change, until cancelled."""
        listening = asyncio.create_task(self._listen()) if self._valkey is not None else None
        failing = False
        try:
            while True:
                try:
                    await self.refresh()
                    failing = False
                except Exception as error:  # noqa: BLE001  whatever it is, following must go on
                    if not failing:
                        self._log.warning("changes can't be followed", error=str(error)[:200])
                    failing = True
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def close(self) -> None:
        """Tells what was not told yet, then closes the connections to Valkey."""
        await asyncio.gather(*self._tasks)
        if self._valkey is not None:
            await self._valkey.aclose()

    def _keep(self, name: Name, value: object) -> None:
        kept, capacity = (self._absent, ABSENT_CAPACITY) if value is None else (self._present, CAPACITY)
        cast("OrderedDict[Name, Any]", kept)[name] = value
        if len(kept) > capacity:
            kept.popitem(last=False)

    def _drop(self, names: Iterable[Name] | None) -> None:
        self._generation += 1
        if names is None:
            self._present.clear()
            self._absent.clear()
        for name in names or ():
            self._present.pop(name, None)
            self._absent.pop(name, None)

    def _committed(self, session: Session) -> None:
        names: set[Name] | None = session.info.pop(_CHANGED, None)
        if not names:
            return
        self._drop(names)
        if self._valkey is not None:
            task = asyncio.get_running_loop().create_task(self._tell())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        assert self._valkey is not None
        with contextlib.suppress(*self._failures):  # then they poll
            await self._valkey.publish(CHANNEL, "")

    async def _listen(self) -> None:
        assert self._valkey is not None
        while True:
            try:
                async with self._valkey.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    async for _ in channel.listen():
                        self._wake.set()
            except self._failures:
                await asyncio.sleep(1)


def _since(session: Session, known: int | None) -> tuple[int, list[Name]]:
    """The newest version, and what changed after the one we know. One statement when nothing did."""
    version: int = session.execute(sa.select(versions.c.n)).scalar_one()
    if known is None or version <= known:
        return version, []
    query = sa.select(changes.c.kind, changes.c.key).where(
        changes.c.version > known, changes.c.version <= version
    )
    return version, [(row.kind, row.key) for row in session.execute(query)]

"""The bridge: what is committed, what is rolled back, what is held for how long, and what is said in bad weather."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.util import concurrency

from authserver import database as bridge
from authserver import limits
from authserver.database import Database

from .conftest import Opened, eventually

COUNTERS = limits.table


def put(session: Session, key: bytes = b"a", count: int = 0) -> None:
    session.execute(sa.insert(COUNTERS).values(key=key, count=count, resets_at=0.0))


def count_of(session: Session, key: bytes = b"a") -> int | None:
    return session.execute(sa.select(COUNTERS.c.count).where(COUNTERS.c.key == key)).scalar_one_or_none()


def raise_slowly(session: Session) -> None:
    """Reads, then writes what it read plus one: wrong unless writers come one after the other."""
    query = sa.select(COUNTERS.c.count).where(COUNTERS.c.key == b"a").with_for_update()
    count = session.execute(query).scalar_one()
    session.execute(sa.update(COUNTERS).where(COUNTERS.c.key == b"a").values(count=count + 1))


async def test_success_commits_and_an_error_rolls_back(database: Database) -> None:
    await database.transaction(put)

    def fail(session: Session) -> None:
        put(session, b"b")
        raise bridge.Refused("no")

    with pytest.raises(bridge.Refused) as refused:
        await database.transaction(fail)
    assert refused.value.answer == "no"
    assert await database.read(count_of) == 0
    assert await database.read(lambda session: count_of(session, b"b")) is None


async def test_what_must_survive_an_error_is_kept(database: Database) -> None:
    def fail(session: Session) -> None:
        put(session)
        bridge.keep(session)
        raise bridge.Refused("no")

    with pytest.raises(bridge.Refused):
        await database.transaction(fail)
    assert await database.read(count_of) == 0


async def test_what_one_piece_of_work_decides_binds_none_that_follows(database: Database) -> None:
    async def refuse(key: bytes, *, kept: bool) -> None:
        def work(session: Session) -> None:
            put(session, key)
            if kept:
                bridge.keep(session)
            raise bridge.Refused("no")

        with pytest.raises(bridge.Refused):
            await database.transaction(work)

    # Sessions are used again, whichever way they ended.
    await refuse(b"kept", kept=True)
    await refuse(b"lost", kept=False)
    await database.transaction(bridge.keep)
    await refuse(b"lost too", kept=False)
    assert await database.read(lambda session: count_of(session, b"kept")) == 0
    assert await database.read(lambda session: count_of(session, b"lost")) is None
    assert await database.read(lambda session: count_of(session, b"lost too")) is None


async def test_a_reader_can_not_write(database: Database) -> None:
    with pytest.raises(RuntimeError, match="run it by `transaction`"):
        await database.read(put)
    assert await database.read(count_of) is None


async def test_a_hundred_writers_in_two_processes_lose_nothing(opened: Opened) -> None:
    one, other = opened(), opened()
    await one.transaction(put)
    await asyncio.gather(*(each.transaction(raise_slowly) for each in [one, other] * 50))
    assert await one.read(count_of) == 100


async def test_work_without_statements_needs_no_database() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    assert await nowhere.transaction(lambda _session: "cached") == "cached"
    assert await nowhere.read(lambda _session: "cached") == "cached"
    await nowhere.close()


async def test_nobody_waits_with_a_transaction_open(database: Database) -> None:
    def hold(session: Session) -> None:
        count_of(session)
        bridge.await_(asyncio.sleep(0))

    for run in (database.transaction, database.read):
        with pytest.raises(RuntimeError, match="release"):
            await run(hold)


async def test_after_a_release_others_may_write_meanwhile(database: Database) -> None:
    def work(session: Session) -> int | None:
        put(session)
        bridge.release(session)
        bridge.await_(database.transaction(raise_slowly))  # would wait for ever if we still held the right
        raise_slowly(session)
        return count_of(session)

    assert await asyncio.wait_for(database.transaction(work), 5) == 2
    assert await database.read(count_of) == 2


async def test_what_was_released_is_committed_whatever_follows(database: Database) -> None:
    def work(session: Session) -> None:
        put(session, b"before")
        bridge.release(session)
        put(session, b"after")
        raise bridge.Refused("no")

    with pytest.raises(bridge.Refused):
        await database.transaction(work)
    assert await database.read(lambda session: count_of(session, b"before")) == 0
    assert await database.read(lambda session: count_of(session, b"after")) is None


async def test_a_cancelled_writer_changes_nothing_and_lets_others_in(database: Database) -> None:
    entered = asyncio.Event()
    await database.transaction(put)

    def stuck(session: Session) -> None:
        raise_slowly(session)
        entered.set()
        # Waits inside the transaction, as a slow statement would.
        concurrency.await_(asyncio.sleep(60))

    task = asyncio.create_task(database.transaction(stuck))
    await asyncio.wait_for(entered.wait(), 5)
    queued = asyncio.create_task(database.transaction(raise_slowly))
    waiting = asyncio.create_task(database.transaction(raise_slowly))
    await asyncio.sleep(0.1)
    queued.cancel()
    task.cancel()
    for cancelled in (task, queued):
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(database.transaction(raise_slowly), 5)
    assert await database.read(count_of) == 2


async def test_a_refused_row_leaves_the_transaction_usable(database: Database) -> None:
    def work(session: Session) -> None:
        put(session)
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            put(session)
        raise_slowly(session)

    await database.transaction(work)
    assert await database.read(count_of) == 1


async def test_a_commit_that_fails_changes_nothing_and_lets_others_in(database: Database) -> None:
    await database.transaction(
        lambda session: session.execute(
            sa.text("CREATE TABLE t (a TEXT REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)")
        )
    )

    def fail_late(session: Session) -> None:
        put(session)
        session.execute(sa.text("INSERT INTO t VALUES ('nobody')"))

    for _ in range(12):  # more often than there are connections
        with pytest.raises(sa.exc.IntegrityError):
            await database.transaction(fail_late)
    assert await database.read(count_of) is None
    await database.transaction(put)
    assert await database.read(count_of) == 0


async def test_rows_are_deleted_in_bounded_batches_the_longest_due_first(database: Database) -> None:
    def fill(session: Session) -> None:
        for number in range(7, 0, -1):
            put(session, bytes([number]), number)

    await database.transaction(fill)

    def delete(session: Session) -> tuple[int, list[int]]:
        gone = bridge.delete_batch(session, COUNTERS.c.count, 5, 3)
        return gone, sorted(session.execute(sa.select(COUNTERS.c.count)).scalars())

    left = [await database.transaction(delete) for _ in range(3)]
    assert left == [(3, [4, 5, 6, 7]), (2, [6, 7]), (0, [6, 7])]


async def test_the_file_and_its_folder_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "authserver.db"
    database = Database(f"sqlite:///{path}")
    await database.transaction(lambda session: session.execute(sa.text("CREATE TABLE t (a)")))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    await database.close()


async def test_sqlite_is_set_up_for_safety(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/authserver.db")

    def pragmas(session: Session) -> list[object]:
        names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        return [session.execute(sa.text(f"PRAGMA {name}")).scalar_one() for name in names]

    assert await database.read(pragmas) == ["wal", 2, 5000, 1]
    await database.close()


async def test_a_full_disk_is_unavailable_and_changes_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/authserver.db")
    await database.transaction(lambda session: session.execute(sa.text("CREATE TABLE t (a)")))

    def fill(session: Session) -> None:
        session.execute(sa.text("PRAGMA max_page_count = 5"))
        for _ in range(10):
            session.execute(sa.text("INSERT INTO t VALUES (zeroblob(10000))"))

    with pytest.raises(bridge.UnavailableError, match="full"):
        await database.transaction(fill)
    count = sa.text("SELECT count(*) FROM t")
    assert await database.read(lambda session: session.execute(count).scalar_one()) == 0
    await database.close()


async def test_a_database_that_can_not_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for url in (f"sqlite:///{tmp_path}/folder", "postgresql://nobody@127.0.0.1:1/nothing"):
        database = Database(url)
        started = time.monotonic()
        with pytest.raises(bridge.UnavailableError):
            await database.ready()
        assert time.monotonic() - started < 3
        await database.close()


class Wire:
    """The way to a PostgreSQL server; `stall` keeps connections open and lets nothing through any more."""

    def __init__(self, url: str) -> None:
        self._server = sa.make_url(url)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""

    def stall(self) -> None:
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        socket = f"{self._server.query['host']}/.s.PGSQL.5432"
        there = await asyncio.open_unix_connection(socket)
        self._writers += [writer, there[1]]
        for source, target in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        address = self._server.set(host="127.0.0.1", port=port, query={})
        self.url = address.render_as_string(hide_password=False)
        try:
            yield self
        finally:
            server.close()
            self._flowing.set()
            self.cut()
            for task in [*self._tasks]:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_database_that_hangs_is_unavailable_within_three_seconds_and_then_heals(
    postgres_url: str,
) -> None:
    async with Wire(postgres_url).open() as wire:
        database = Database(wire.url, pool_size=2)
        await database.ready()
        wire.stall()

        async def wait() -> float:
            started = time.monotonic()
            with pytest.raises(bridge.UnavailableError):
                await database.transaction(lambda session: session.execute(sa.text("SELECT 1")))
            return time.monotonic() - started

        waits = await asyncio.gather(*(wait() for _ in range(12)))
        # 2.5 seconds, and what a busy machine adds; without the pause, those who queue would wait for 4.5.
        assert max(waits) < 4
        wire.flow()

        async def healed() -> bool:
            with contextlib.suppress(bridge.UnavailableError):
                await database.ready()
                return True
            return False

        await eventually(healed, 5)
        await database.close()


async def test_lost_connections_are_replaced(postgres_url: str) -> None:
    async with Wire(postgres_url).open() as wire:
        database = Database(wire.url, pool_size=2)
        await asyncio.gather(database.ready(), database.ready())
        wire.cut()
        await asyncio.sleep(0.05)
        with pytest.raises(bridge.UnavailableError):
            await database.ready()
        await asyncio.gather(*(database.ready() for _ in range(4)))
        await database.close()

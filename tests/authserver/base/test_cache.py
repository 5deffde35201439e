"""What a process keeps: never older than a second, never what was not committed, never without bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import redis.asyncio
import sqlalchemy as sa
from sqlalchemy.orm import Session

from authserver import cache as module
from authserver import database as bridge
from authserver.cache import Cache
from authserver.database import Database

from .conftest import Opened, eventually

HEADLINES = sa.table("leases", sa.column("name"), sa.column("holder"), sa.column("until_at"))


class Reader:
    """A cache of headlines, counting how often the database was asked."""

    def __init__(self, database: Database, valkey_url: str | None = None, **more: Any) -> None:
        self.database = database
        self.cache = Cache(database, valkey_url, **more)
        self.loads = 0

    def load(self, session: Session, key: str) -> str | None:
        self.loads += 1
        query = sa.select(HEADLINES.c.holder).where(HEADLINES.c.name == key)
        return session.execute(query).scalar_one_or_none()

    def get(self, session: Session, key: str = "a") -> str | None:
        return self.cache.get(session, "headline", key, self.load)

    async def is_new(self) -> bool:
        return await self.read() == "new"

    async def read(self, key: str = "a") -> str | None:
        return await self.database.read(lambda session: self.get(session, key))


def write(text: str, key: str = "a") -> Callable[[Session], None]:
    def work(session: Session) -> None:
        session.execute(sa.delete(HEADLINES).where(HEADLINES.c.name == key))
        session.execute(sa.insert(HEADLINES).values(name=key, holder=text, until_at=0.0))
        module.changed(session, "headline", key)

    return work


@asynccontextmanager
async def following(*readers: Reader) -> Any:
    tasks = [asyncio.create_task(reader.cache.follow()) for reader in readers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for reader in readers:
            await reader.cache.close()


async def test_what_is_kept_costs_nothing_present_or_absent(database: Database) -> None:
    reader = Reader(database)
    await database.transaction(write("old"))
    for _ in range(3):
        assert await reader.read() == "old"
        assert await reader.read("nothing") is None
    assert reader.loads == 2


async def test_the_process_that_changes_sees_it_at_once(database: Database) -> None:
    reader = Reader(database)
    await database.transaction(write("old"))
    assert await reader.read() == "old"
    await database.transaction(write("new"))
    assert await reader.read() == "new"


async def test_other_processes_follow_within_a_second(opened: Opened) -> None:
    here, there = Reader(opened()), Reader(opened())
    await here.database.transaction(write("old"))
    async with following(here, there):
        assert await there.read() == "old"
        assert await there.read("b") is None
        await here.database.transaction(write("new"))
        await here.database.transaction(write("born", "b"))

        async def arrived() -> bool:
            return (await there.read(), await there.read("b")) == ("new", "born")

        await eventually(arrived, 2)


async def test_only_what_changed_is_forgotten(opened: Opened) -> None:
    here, there = Reader(opened()), Reader(opened())
    await here.database.transaction(write("one"))
    await here.database.transaction(write("two", "b"))
    await there.cache.refresh()
    assert (await there.read(), await there.read("b")) == ("one", "two")
    for _ in range(3):
        await here.database.transaction(write("more"))
    await there.cache.refresh()
    assert (await there.read(), await there.read("b")) == ("more", "two")
    assert there.loads == 3


async def test_who_missed_changes_forgets_everything(opened: Opened) -> None:
    here, there = Reader(opened()), Reader(opened())
    await here.database.transaction(write("old"))
    await there.cache.refresh()
    assert await there.read() == "old"

    def change_and_lose_the_log(session: Session) -> None:
        write("new")(session)
        session.execute(sa.delete(module.changes))

    await here.database.transaction(change_and_lose_the_log)
    await there.cache.refresh()
    assert await there.read() == "new"


async def test_a_database_restored_from_yesterday_is_read_anew(opened: Opened) -> None:
    here, there = Reader(opened()), Reader(opened())
    await here.database.transaction(write("today"))
    await there.cache.refresh()
    assert await there.read() == "today"

    def restore(session: Session) -> None:
        session.execute(sa.update(HEADLINES).values(holder="yesterday"))
        session.execute(sa.update(module.versions).values(n=0))

    await here.database.transaction(restore)
    await there.cache.refresh()
    assert await there.read() == "yesterday"


async def test_what_is_rolled_back_was_never_kept(database: Database) -> None:
    reader = Reader(database)
    await database.transaction(write("old"))
    assert await reader.read() == "old"

    def fail(session: Session) -> None:
        write("wrong")(session)
        assert reader.get(session) == "wrong"  # a transaction sees its own changes
        assert reader.get(session, "b") is None
        raise bridge.Refused(None)

    with pytest.raises(bridge.Refused):
        await database.transaction(fail)
    assert await reader.read() == "old"


async def test_a_load_that_races_a_change_is_not_kept(opened: Opened) -> None:
    reader, other = Reader(opened()), Reader(opened())
    await other.database.transaction(write("old"))
    await reader.cache.refresh()

    def slow(session: Session, key: str) -> str | None:
        found = reader.load(session, key)
        bridge.release(session)

        async def meanwhile() -> None:
            await other.database.transaction(write("new"))
            await reader.cache.refresh()

        bridge.await_(meanwhile())
        return found

    stale = await reader.database.transaction(
        lambda session: reader.cache.get(session, "headline", "a", slow)
    )
    assert stale == "old"
    assert await reader.read() == "new"


async def test_memory_is_bounded_and_the_absent_do_not_push_out_the_present(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CAPACITY", 3)
    monkeypatch.setattr(module, "ABSENT_CAPACITY", 3)
    cache, loads = Cache(database), list[str]()

    def load(_session: Session, key: str) -> str | None:
        loads.append(key)
        return key if key.startswith("is") else None

    async def loaded(*keys: str) -> list[str]:
        """Which of the keys had to be loaded."""
        loads.clear()

        def get(session: Session) -> None:
            for key in keys:
                cache.get(session, "k", key, load)

        await database.read(get)
        return [*loads]

    await loaded("is1", "is2", "is3", "no1", "no2", "no3")
    assert await loaded(*(f"no{number}" for number in range(100))) != []
    assert await loaded("is1", "is2", "is3") == []
    assert await loaded("is4", "is2", "is3", "is4") == ["is4"]
    assert await loaded("is1") == ["is1"]
    assert await loaded("no0") == ["no0"]


async def test_who_can_not_follow_is_stale_until_it_can(database: Database) -> None:
    cache = Cache(database, stale_seconds=0.2)
    await cache.refresh()
    assert not cache.stale
    await asyncio.sleep(0.3)
    assert cache.stale
    await cache.refresh()
    assert not cache.stale


async def test_following_survives_a_database_that_is_away() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    cache = Cache(nowhere, stale_seconds=0.2)
    task = asyncio.create_task(cache.follow())
    await asyncio.sleep(0.5)
    assert not task.done()
    assert cache.stale
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await nowhere.close()


async def test_valkey_tells_others_before_they_would_ask(
    opened: Opened, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 60)
    here, there = Reader(opened(), valkey_url), Reader(opened(), valkey_url)
    await here.database.transaction(write("old"))
    async with following(here, there):
        assert await there.read() == "old"
        async with redis.asyncio.Redis.from_url(valkey_url) as valkey:

            async def both_listen() -> bool:
                return bool((await valkey.pubsub_numsub(module.CHANNEL))[0][1] == 2)

            await eventually(both_listen, 5)
        await here.database.transaction(write("new"))
        await eventually(there.is_new)


async def test_a_valkey_that_is_away_harms_nobody(opened: Opened) -> None:
    away = "redis://127.0.0.1:1/0"
    here, there = Reader(opened(), away), Reader(opened(), away)
    async with following(here, there):
        await here.database.transaction(write("new"))
        await eventually(there.is_new)


async def test_whoever_stops_does_not_wait_for_a_valkey_that_hangs(opened: Opened) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        database = opened()
        cache = Cache(database, f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        await database.transaction(write("new"))
        async with asyncio.timeout(4):  # one second is Valkey's, the rest a busy machine's
            await cache.close()


async def test_versions_are_in_the_order_of_commits(opened: Opened) -> None:
    one, other = opened(), opened()

    def change(session: Session) -> None:
        module.changed(session, "headline", "a")

    await asyncio.gather(*(each.transaction(change) for each in [one, other] * 20))
    query = sa.select(module.changes.c.version).order_by(module.changes.c.version)
    versions = (await one.read(lambda session: session.execute(query).scalars().all()))[-40:]
    assert [*versions] == [*range(versions[-1] - 39, versions[-1] + 1)]


async def test_the_log_of_changes_does_not_grow_for_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_LENGTH", 3)
    for number in range(6):
        await database.transaction(write(f"{number}"))
    assert await database.transaction(lambda session: module.delete_expired(session, 100)) >= 3
    count = sa.select(sa.func.count()).select_from(module.changes)
    assert await database.read(lambda session: session.execute(count).scalar_one()) == 3

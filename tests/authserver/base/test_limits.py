"""Limits: exact under load, in the database and in Valkey alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
import sqlalchemy as sa
from sqlalchemy.orm import Session

from authserver import limits
from authserver.database import Database
from authserver.limits import Limits

from ...support.clock import ManualClock
from .conftest import Opened


@pytest.fixture(params=["database", "valkey"])
async def counters(
    request: pytest.FixtureRequest, opened: Opened, clock: ManualClock, valkey_url: str
) -> AsyncIterator[tuple[Limits, Limits]]:
    """Two processes that count together."""
    url = valkey_url if request.param == "valkey" else None
    pair = Limits(opened(), clock, url), Limits(opened(), clock, url)
    yield pair
    for each in pair:
        await each.close()


async def test_of_a_hundred_at_once_no_more_than_the_limit_are_allowed(
    counters: tuple[Limits, Limits],
) -> None:
    claims = await asyncio.gather(
        *(counters[number % 2].claim("key", limit=10, seconds=900) for number in range(100))
    )
    assert sum(claim.allowed for claim in claims) == 10
    assert sorted(claim.left for claim in claims if claim.allowed) == [*range(10)]
    assert {claim.left for claim in claims if not claim.allowed} == {0}


async def test_counters_are_apart_and_forgiving(counters: tuple[Limits, Limits], clock: ManualClock) -> None:
    one, other = counters
    assert [(await one.claim("a", limit=2, seconds=60)).allowed for _ in range(3)] == [True, True, False]
    assert (await other.claim("b", limit=2, seconds=60)).allowed
    await other.forgive("a")
    claim = await one.claim("a", limit=2, seconds=60)
    assert (claim.allowed, claim.left) == (True, 1)
    assert claim.resets_at == pytest.approx(clock() + 60, abs=1)
    await one.forgive("never counted")


async def test_any_key_may_be_counted(counters: tuple[Limits, Limits]) -> None:
    for key in ("", "é\0\ud800", "x" * 100_000):
        assert (await counters[0].claim(key, limit=1, seconds=60)).allowed
        assert not (await counters[1].claim(key, limit=1, seconds=60)).allowed


async def test_the_window_begins_with_the_first_attempt_and_does_not_move(
    database: Database, clock: ManualClock
) -> None:
    counter = Limits(database, clock)
    first = await counter.claim("a", limit=1, seconds=60)
    clock.advance(59)
    again = await counter.claim("a", limit=1, seconds=60)
    assert not again.allowed
    assert again.resets_at == first.resets_at
    clock.advance(1)
    anew = await counter.claim("a", limit=1, seconds=60)
    assert anew.allowed
    assert anew.resets_at == clock() + 60


async def test_a_clock_set_back_makes_no_window_longer(database: Database, clock: ManualClock) -> None:
    counter = Limits(database, clock)
    await counter.claim("a", limit=1, seconds=60)
    clock.advance(-3600)
    claim = await counter.claim("a", limit=1, seconds=60)
    assert not claim.allowed
    assert claim.resets_at == clock() + 60


async def test_valkey_forgets_a_window_when_it_ends(
    database: Database, clock: ManualClock, valkey_url: str
) -> None:
    counter = Limits(database, clock, valkey_url)
    await counter.claim("a", limit=1, seconds=0.2)
    assert not (await counter.claim("a", limit=1, seconds=0.2)).allowed
    await asyncio.sleep(0.3)
    assert (await counter.claim("a", limit=1, seconds=900)).allowed
    async with redis.asyncio.Redis.from_url(valkey_url) as valkey:
        keys = [key async for key in valkey.scan_iter()]
        assert len(keys) == 1
        assert 0 < await valkey.ttl(keys[0]) <= 900
    await counter.close()


async def test_the_database_counts_when_valkey_is_away(database: Database, clock: ManualClock) -> None:
    counter = Limits(database, clock, "redis://127.0.0.1:1/0")
    claims = [await counter.claim("a", limit=2, seconds=60) for _ in range(3)]
    assert [claim.allowed for claim in claims] == [True, True, False]
    await counter.forgive("a")
    assert (await counter.claim("a", limit=2, seconds=60)).allowed
    await counter.close()


async def test_nobody_waits_long_for_a_valkey_that_hangs(database: Database, clock: ManualClock) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        counter = Limits(database, clock, f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        started = time.monotonic()
        claims = await asyncio.gather(*(counter.claim("a", limit=10, seconds=60) for _ in range(20)))
        assert time.monotonic() - started < 4  # one second is Valkey's, the rest a busy machine's
        assert sum(claim.allowed for claim in claims) == 10
        started = time.monotonic()
        await counter.forgive("a")
        assert time.monotonic() - started < 0.9  # it is left alone for a while
        await counter.close()


async def test_neither_addresses_nor_e_mails_are_kept(database: Database, clock: ManualClock) -> None:
    counter = Limits(database, clock)
    for key in limits.login_keys("ana@example.test", "192.0.2.77"):
        await counter.claim(key, limit=1, seconds=60)
    rows = await database.read(lambda session: session.execute(sa.select(limits.table)).all())
    assert len(rows) == 2
    assert not any(b"ana" in row.key or b"192" in row.key for row in rows)


async def test_only_what_is_over_is_deleted(database: Database, clock: ManualClock) -> None:
    counter = Limits(database, clock)
    await counter.claim("short", limit=1, seconds=60)
    await counter.claim("long", limit=1, seconds=600)
    clock.advance(60)

    def sweep(session: Session) -> int:
        return limits.delete_expired(session, clock(), 10)

    assert await database.transaction(sweep) == 1
    assert not (await counter.claim("long", limit=1, seconds=600)).allowed


@pytest.mark.parametrize(
    ("ip", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_one_household_is_one_address(ip: str, counted: str) -> None:
    assert limits.address(ip) == counted


async def test_an_attempt_given_back_counts_no_more(
    database: Database, clock: ManualClock, valkey_url: str
) -> None:
    for counter in (Limits(database, clock), Limits(database, clock, valkey_url)):
        for _ in range(3):
            assert (await counter.claim("a", limit=2, seconds=60)).left == 1
            await counter.give_back("a")
        await counter.give_back("a")
        claims = [await counter.claim("a", limit=2, seconds=60) for _ in range(3)]
        assert [claim.allowed for claim in claims] == [True, True, False]
        await counter.close()

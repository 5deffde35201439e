"""The ground that other tests stand on: fresh databases, real servers, a browser."""

from __future__ import annotations

import asyncpg
import httpx2
import pytest
import redis
import sqlalchemy as sa
from playwright.async_api import Browser

from .support import databases
from .support.clock import ManualClock


async def test_each_postgresql_database_is_of_one_test(postgres_url: str, tmp_path: object) -> None:
    async def build(url: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE things (name text)")
        await connection.close()

    async def count(url: str) -> int:
        connection = await asyncpg.connect(url)
        await connection.execute("INSERT INTO things VALUES ('one')")
        found: int = await connection.fetchval("SELECT count(*) FROM things")
        await connection.close()
        return found

    for _ in range(2):
        async with databases.fresh("postgresql", "things", build, tmp_path) as url:
            assert await count(url) == 1


async def test_time_stands_still_until_it_is_moved(clock: ManualClock) -> None:
    before = clock()
    assert clock() == before
    clock.advance(1.5)
    assert clock() == before + 1.5

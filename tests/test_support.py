"""The ground that other tests stand on: fresh databases, real servers, a clock, a browser."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
import redis
import sqlalchemy as sa
from playwright.async_api import Browser
from sqlalchemy.ext.asyncio import create_async_engine

from .support import databases
from .support.clock import ManualClock

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("kind", databases.KINDS)
async def test_each_test_has_a_database_of_its_own(kind: str, tmp_path: Path) -> None:
    async def run(url: str, *statements: str) -> int:
        address = sa.make_url(url)
        driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[address.drivername]
        engine = create_async_engine(address.set(drivername=driver))
        async with engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(sa.text(statement))
            found = result.scalar_one() if result.returns_rows else 0
        await engine.dispose()
        return int(found)

    async def build(url: str) -> None:
        await run(url, "CREATE TABLE things (name TEXT)")

    for _ in range(2):
        async with databases.fresh(kind, "things", build, tmp_path) as url:
            assert await run(url, "INSERT INTO things VALUES ('one')", "SELECT count(*) FROM things") == 1


async def test_a_postgresql_database_goes_with_its_test(postgres_url: str, tmp_path: Path) -> None:
    async with databases.empty("postgresql", tmp_path) as url:
        left_open = await asyncpg.connect(url)
        name = await left_open.fetchval("SELECT current_database()")
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name) == 0
    await connection.close()
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        await left_open.close()


def test_valkey_answers_and_is_empty(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_what_an_earlier_test_left_in_valkey_is_gone(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        assert client.get("left") is None


def test_servers_end_with_a_run_that_is_killed() -> None:
    program = "import tests.support.run as run, tests.support.servers as servers, time; "
    program += "it = run.Run(); print(it.folder, servers.url('valkey'), flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        folder, url = process.stdout.readline().split()
        client = redis.Redis.from_url(url, socket_timeout=2)
        assert client.ping()
        process.send_signal(signal.SIGKILL)
    assert _vanishes(Path(folder))
    with pytest.raises(redis.ConnectionError):
        client.ping()
    client.close()


def _vanishes(folder: Path) -> bool:
    for _ in range(200):
        if not folder.exists():
            return True
        time.sleep(0.05)
    return False


async def test_time_stands_still_until_it_is_moved(clock: ManualClock) -> None:
    before = clock()
    assert clock() == before
    clock.advance(1.5)
    assert clock() == before + 1.5


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_a_browser_shows_a_page(browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto("data:text/html,<title>Hello</title>")
    assert await page.title() == "Hello"

"""A migrated database, opened: once as this process' own, and as often as a test wants for other processes'."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from authserver.database import Database

Opened = Callable[[], Database]


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 3) -> None:
    """Returns as soon as `check` is true; fails when it isn't in time."""
    for _ in range(round(seconds / 0.02)):
        if await check():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not within {seconds} seconds")


@pytest.fixture
async def opened(database_url: str) -> AsyncIterator[Opened]:
    """Opens the test's database once more, as another process would."""
    made: list[Database] = []

    def open_() -> Database:
        made.append(Database(database_url))
        return made[-1]

    yield open_
    for each in made:
        await each.close()


@pytest.fixture
def database(opened: Opened) -> Database:
    return opened()

"""A migrated database, opened: once as this process' own, and as often as a test wants for other processes'."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from authserver.database import Database

Opened = Callable[[], Database]


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

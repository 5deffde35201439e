"""What these tests promise has nothing to do with the kind of database, so one is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import authserver as support
from tests.support import databases


@pytest.fixture
async def database_url(tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database of the authorization server, on SQLite."""
    async with databases.fresh("sqlite", "authserver", support.build, tmp_path) as url:
        yield url

"""What the tests of faults stand on: a stage of processes, and a world in this process whose clock a test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.authserver.protocol.flows import World
from tests.support import databases


@pytest.fixture
async def database_url(tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database of the authorization server on PostgreSQL."""
    from tests.support import authserver

    async with databases.fresh("postgresql", "authserver", authserver.build, tmp_path) as url:
        yield url


@pytest.fixture
async def resource_database_url(tmp_path: Path) -> AsyncIterator[str]:
    """A migrated, empty database of the resource API on PostgreSQL."""
    from tests.support import gallery

    async with databases.fresh("postgresql", "resource_api", gallery.migrate, tmp_path) as url:
        yield url


@pytest.fixture
async def world(authserver: Any) -> World:
    """The authorization server with two APIs in it."""
    made = World(authserver)
    await made.add_apis()
    return made

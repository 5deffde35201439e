"""What the tests of faults stand on: a stage of processes, and a world in this process whose clock a test turns."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.authserver.protocol.flows import World
from tests.support import databases

from . import stage as stages

pytest.register_assert_rewrite("tests.faults.promises")


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short name: a socket's address is short. Others may look into it, as PostgreSQL is no root."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def stage(short_folder: Path) -> Iterator[stages.Stage]:
    """Two authorization servers and a gallery on a PostgreSQL of their own, all running."""
    with stages.opened(short_folder) as made:
        yield made


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

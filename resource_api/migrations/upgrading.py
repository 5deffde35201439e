"""Runs Alembic over our own engine, one process at a time."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from .. import database

# Any number: it is the same for every process of this service, and different from other users of the database.
LOCK = 0x67616C6C657279
# Whoever waits for a table keeps all who come later waiting: not as long as requests are patient, and then again.
_LOCK_SECONDS, _PAUSE_SECONDS, _TRIES = 1, 1.0, 60
_LOCK_NOT_AVAILABLE = "55P03"


async def upgrade(url: str) -> None:
    """Brings the database at `url` to the newest version. Raises `UnavailableError` when it does not answer."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite" and address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = database.engine(url, pool_size=1, patient=True)
    tries = 1
    try:
        while not await _tried(engine, last=tries == _TRIES):
            tries += 1
            await asyncio.sleep(_PAUSE_SECONDS)
    except (OSError, TimeoutError, exc.InterfaceError, exc.OperationalError) as error:
        raise database.UnavailableError(str(error)) from error
    finally:
        await engine.dispose()


def config() -> Config:
    """Alembic's view of this folder."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent))
    return found


async def _tried(engine: AsyncEngine, *, last: bool) -> bool:
    """Whether it is done; else somebody holds a table, a backup for instance, which is an error the `last` time."""
    try:
        async with engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
            await connection.run_sync(_upgrade)
    except exc.DBAPIError as error:
        if last or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _upgrade(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
    asked = config()
    asked.attributes["connection"] = connection
    command.upgrade(asked, "head")

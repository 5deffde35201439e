"""Runs Alembic over our own engine, one process at a time."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session

from .. import database, engines
from . import FOLDER, AheadError, check, missing

# Any number, the same for every process of this service and different from other users of the database.
_LOCK = 0x6175746873657276
# Whoever waits for a table keeps all who come later waiting: not as long as requests are patient, and then again.
_LOCK_SECONDS, _PAUSE_SECONDS, _TRIES = 1, 1.0, 60
_LOCK_NOT_AVAILABLE = "55P03"


async def upgrade(url: str) -> None:
    """Brings the database at `url` to the newest version. Raises UnavailableError, AheadError."""
    engine = engines.create(url, pool_size=1, patient=True)
    tries = 1
    try:
        while not await _tried(engine, last=tries == _TRIES):
            tries += 1
            await asyncio.sleep(_PAUSE_SECONDS)
    except (OSError, TimeoutError) as error:
        raise database.UnavailableError(f"{type(error).__name__}: {error}") from error
    except exc.DBAPIError as error:
        if engines.passes(error):
            raise database.UnavailableError(str(error.orig)) from error
        raise
    finally:
        await engine.dispose()


def config() -> Config:
    """Alembic's view of this folder."""
    found = Config()
    found.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return found


async def _tried(engine: AsyncEngine, *, last: bool) -> bool:
    """Whether it is done; else somebody holds a table, a backup for instance, which is an error the `last` time."""
    try:
        async with engines.for_writing(engine).begin() as connection:
            await _alone(connection)
            await connection.run_sync(_upgrade)
    except exc.DBAPIError as error:
        if last or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


async def _alone(connection: AsyncConnection) -> None:
    """On SQLite, BEGIN IMMEDIATE has seen to it."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))


def _upgrade(connection: sa.Connection) -> None:
    # In a savepoint, since asking an empty PostgreSQL for its version spoils the transaction.
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        state = check(session)
        gone = ", ".join(missing(session)[:5]) if state == "apart" else ""
    if state == "apart":
        raise AheadError(
            f"The database was migrated by a newer version of authserver; this one is too old for it ({gone})."
        )
    if state in ("empty", "behind"):
        alembic = config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")

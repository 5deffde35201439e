"""Runs Alembic over our own engine, one process at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Session

from .. import database, engines
from . import FOLDER, AheadError, check

# Any number, the same for every process of this service and different from other users of the database.
_LOCK = 0x6175746873657276


async def upgrade(url: str) -> None:
    """Brings the database at `url` to the newest version. Raises UnavailableError, AheadError."""
    engine = engines.create(url, pool_size=1, patient=True)
    try:
        async with engines.for_writing(engine).begin() as connection:
            await _alone(connection)
            await connection.run_sync(_upgrade)
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


async def _alone(connection: AsyncConnection) -> None:
    """On SQLite, BEGIN IMMEDIATE has seen to it."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _upgrade(connection: sa.Connection) -> None:
    # In a savepoint, since asking an empty PostgreSQL for its version spoils the transaction.
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        state = check(session)
    if state == "ahead":
        raise AheadError(
            "The database was migrated by a newer version of authserver; this one is too old for it."
        )
    if state != "current":
        alembic = config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")

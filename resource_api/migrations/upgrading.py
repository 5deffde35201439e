"""Runs Alembic over our own engine, one process at a time."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import exc

from .. import database

# Any number: it is the same for every process of this service, and different from other users of the database.
_LOCK = 0x67616C6C657279


async def upgrade(url: str) -> None:
    """Brings the database at `url` to the newest version. Raises `UnavailableError` when it does not answer."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite" and address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = database.engine(url, pool_size=1)
    try:
        async with engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
            await connection.run_sync(_upgrade)
    except (OSError, TimeoutError, exc.InterfaceError, exc.OperationalError) as error:
        raise database.UnavailableError(str(error)) from error
    finally:
        await engine.dispose()


def config() -> Config:
    """Alembic's view of this folder."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent))
    return found


def _upgrade(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    asked = config()
    asked.attributes["connection"] = connection
    command.upgrade(asked, "head")

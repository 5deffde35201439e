"""The versions of the database's shape. Alembic walks them, and is imported only while it does."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import database

HEAD = "0002"
"""The version this program needs."""


def version(session: Session) -> str | None:
    """The version the database is at, None when it is empty."""
    try:
        return session.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
        if getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig):
            return None
        raise


async def upgrade(url: str) -> None:
    """Brings the database at `url` to `HEAD`; several processes may try at once. Raises `UnavailableError`."""
    from . import upgrading

    await upgrading.upgrade(url)


async def current(url: str) -> str | None:
    """The version the database at `url` is at, None when it is empty. Raises `UnavailableError`."""
    opened = database.Database(url, pool_size=1)
    try:
        return await opened.read(version)
    finally:
        await opened.close()

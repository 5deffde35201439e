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


def missing(session: Session) -> list[str]:
    """What this program would trip over in a database that a newer one has migrated: columns that are gone, and new
    ones that it can't fill. Of the tables that are imported by now, as all are in a server."""
    there = {name: found for (_, name), found in sa.inspect(session.connection()).get_multi_columns().items()}
    wrong = []
    for name, table in database.metadata.tables.items():
        columns = {each["name"]: each for each in there.get(name, [])}
        wrong += [f"{name}.{column}" for column in table.columns.keys() - columns.keys()]
        for column in columns.keys() - table.columns.keys():
            about = columns[column]
            by_itself = (
                about["nullable"] or about["default"] is not None or {"identity", "computed"} & about.keys()
            )
            wrong += [] if by_itself else [f"{name}.{column}"]
    return sorted(wrong)


def serves(session: Session) -> bool:
    """Whether this program can do its work on the database: it has made its shape, or a newer one has and left
    everything that this one needs."""
    found = version(session)
    return found == HEAD or (found is not None and found > HEAD and not missing(session))


async def upgrade(url: str) -> None:
    """Brings the database at `url` to `HEAD`; several processes may try at once. Raises `UnavailableError`."""
    from . import upgrading

    await upgrading.upgrade(url)


async def current(url: str) -> tuple[str | None, bool]:
    """The version the database at `url` is at, None when it is empty, and whether this program `serves` on it.

    Raises `UnavailableError`.
    """
    opened = database.Database(url, pool_size=1)
    try:
        return await opened.read(version), await opened.read(serves)
    finally:
        await opened.close()

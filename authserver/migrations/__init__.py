"""The versions of the database's shape: forward only, one file each. Alembic walks them and is imported only then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.orm import Session

from .. import database

FOLDER = Path(__file__).parent

VERSIONS = tuple(sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))
HEAD = VERSIONS[-1]
"""The version this program needs."""

State = Literal["current", "behind", "ahead", "apart", "empty"]


def current(session: Session) -> str | None:
    """The version the database is at, None when it is empty; for `Database.read`."""
    try:
        return session.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except (exc.OperationalError, exc.ProgrammingError) as error:
        missing = getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)
        if missing:
            return None
        raise


def check(session: Session) -> State:
    """How the database compares to this program.

    `ahead`: a newer program has migrated it, and left everything that this one needs; `apart`: it has not.
    """
    version = current(session)
    if version is None:
        return "empty"
    if version == HEAD:
        return "current"
    if version in VERSIONS:
        return "behind"
    return "apart" if missing(session) else "ahead"


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


async def upgrade(url: str) -> None:
    """Brings the database at `url` to `HEAD`; several processes may try at once, and later ones find it done.

    One that is `ahead` is left as it is. Raises database.UnavailableError when it does not answer, AheadError when
    it is `apart`.
    """
    from . import upgrading  # importing Alembic takes half a second

    await upgrading.upgrade(url)


def upgrade_now(url: str) -> None:
    """`upgrade` for code without an event loop."""
    asyncio.run(upgrade(url))


class AheadError(Exception):
    """The database was migrated by a newer version of this program, beyond what this one can use."""

"""The versions of the database's shape: forward only, one file each. Alembic walks them and is imported only then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.orm import Session

FOLDER = Path(__file__).parent

VERSIONS = tuple(sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))
HEAD = VERSIONS[-1]
"""The version this program needs."""

State = Literal["current", "behind", "ahead", "empty"]


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
    """How the database compares to this program: `ahead` when a newer program has migrated it."""
    version = current(session)
    if version is None:
        return "empty"
    if version == HEAD:
        return "current"
    return "behind" if version in VERSIONS else "ahead"


async def upgrade(url: str) -> None:
    """Brings the database at `url` to `HEAD`; several processes may try at once, and later ones find it done.

    Raises database.UnavailableError when it does not answer, AheadError when a newer program was here.
    """
    from . import upgrading  # importing Alembic takes half a second

    await upgrading.upgrade(url)


def upgrade_now(url: str) -> None:
    """`upgrade` for code without an event loop."""
    asyncio.run(upgrade(url))


class AheadError(Exception):
    """The database was migrated by a newer version of this program; going back is not possible."""

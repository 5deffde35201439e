"""Whether the database has the shape this version needs, and bringing it there."""

from __future__ import annotations

import contextlib

import typer

from .. import migrations, settings
from .. import tables as _tables  # noqa: F401  `migrations` looks at those that are imported
from . import exits

NEWER = "A newer version of resource-api has migrated this database"


async def prepare(config: settings.Settings) -> None:
    """See that the server can start on this database: SQLite is migrated, PostgreSQL by command alone, because
    other nodes may still run the old version. These may be started again meanwhile. Raises CommandError,
    UnavailableError."""
    version = await _version(config)
    if version == migrations.HEAD:
        return
    if _newer(version):
        with contextlib.suppress(OSError):
            typer.echo(f"{NEWER} to {version}; this one still works with it.", err=True)
        return
    if not config.is_sqlite:
        what = "is empty" if version is None else "has the shape of an older version"
        raise exits.CommandError(
            f"The database {what}. Bring it up to date first: resource-api migrate", exits.NOT_READY
        )
    await migrations.upgrade(config.database_url)


async def migrate(config: settings.Settings) -> str:
    """Brings the database to `HEAD` and returns a sentence about it. Raises CommandError, UnavailableError."""
    before = await _version(config)
    if before == migrations.HEAD:
        return f"The database is at {before} already."
    if _newer(before):
        return f"{NEWER} to {before}; this one still works with it."
    await migrations.upgrade(config.database_url)
    return f"The database went from {before or 'empty'} to {migrations.HEAD}."


async def _version(config: settings.Settings) -> str | None:
    if config.sqlite_path is not None:
        config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
    version, served = await migrations.current(config.database_url)
    if _newer(version) and not served:
        raise exits.CommandError(
            f"{NEWER} to {version}, beyond what this one can use. Run that version, or restore a backup.",
            exits.NOT_READY,
        )
    return version


def _newer(version: str | None) -> bool:
    return version is not None and version > migrations.HEAD

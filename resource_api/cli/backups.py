"""`resource-api backup`: a copy of the SQLite database, made while the API serves."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path

from .. import settings
from . import exits


def write(config: settings.Settings, target: Path) -> str:
    """Copies the database and returns a sentence about it. Raises CommandError."""
    if config.sqlite_path is None:
        raise exits.CommandError(
            "PostgreSQL is copied by its own tool: pg_dump --format=custom.", exits.REFUSED
        )
    size = copy(config.sqlite_path, target)
    return f"{target} has {size:,} bytes and is whole. Now copy the pictures: {config.files}"


def copy(source: Path, target: Path) -> int:
    """A consistent copy of a database that others may be writing to; its size in bytes.

    It is checked, and is there whole or not at all. Raises CommandError.
    """
    if not source.exists():
        raise exits.CommandError(f"There is no database {source} to copy.", exits.NOT_FOUND)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            unfinished = Path(folder) / "copy"
            unfinished.touch(mode=0o600)
            with contextlib.closing(sqlite3.connect(source, timeout=30)) as database:
                database.execute("VACUUM INTO ?", (str(unfinished),))
            with contextlib.closing(sqlite3.connect(unfinished)) as database:
                (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise exits.CommandError(f"{source} is damaged, and its copy would be: {found}", exits.FAILED)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            os.link(unfinished, target)  # unlike a rename, it never replaces an older backup
            return target.stat().st_size
    except FileExistsError:
        raise exits.CommandError(f"There is a file {target} already.", exits.CONFLICT) from None
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise exits.CommandError(
            f"{source} can't be copied to {target}: {reason}.", exits.NOT_READY
        ) from None

"""`authserver backup`: a copy of the SQLite database, made while the server serves."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from .. import credentials, settings
from . import exits, terminal

HELP = """Copy the SQLite database into a new file, whole and checked, while the server goes on serving.

The secret key is not in it: keep a copy of its file as well, apart. PostgreSQL has a tool of its own, pg_dump.

\b
Examples:
  authserver backup /backup/authserver.db
"""
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    config = settings.load()
    if config.sqlite_path is None:
        raise exits.CommandError(
            "PostgreSQL is copied by its own tool: pg_dump --format=custom.", exits.REFUSED
        )
    size = copy(config.sqlite_path, file)
    terminal.say(f"{file} has {size:,} bytes and is whole.")
    key = credentials.SecretKeys.load(config).path
    if key is not None:
        terminal.say(f"It is of use only with the secret key: keep a copy of {key} too, in another place.")


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

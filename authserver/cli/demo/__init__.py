"""`authserver demo`: both services with people, apps and pictures to try, kept in one folder; can be run again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import typer

from .. import ports
from . import places

HELP = """Both services with people, apps and pictures to try. Can be run again; Ctrl-C stops both.

\b
Examples:
  authserver demo
  AUTHSERVER_PORT=9000 RESOURCE_API_PORT=9001 DEMO_DIR=/tmp/demo authserver demo
"""
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def demo() -> None:
    where = places.from_environment()
    ports.check("127.0.0.1", where.port, option=None, variable="AUTHSERVER_PORT")
    ports.check("127.0.0.1", where.resource_port, option=None, variable="RESOURCE_API_PORT")
    # Both programs keep what they make in the demo's folder and hear nothing of other settings.
    for name in [name for name in os.environ if name.startswith(("AUTHSERVER_", "RESOURCE_API_"))]:
        del os.environ[name]
    Path(where.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    gallery = places.start_gallery(where)
    try:
        from . import starting  # imports the whole server, while the gallery starts beside us

        asyncio.run(starting.run(where, gallery))
    finally:
        places.stop(gallery)

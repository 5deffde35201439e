"""`authserver cleanup`."""

from __future__ import annotations

import asyncio

import typer

from .. import jobs, settings
from . import running, terminal

HELP = """Remove what has expired, in small batches, as serve does by itself every few minutes.

\b
Examples:
  authserver cleanup
  authserver cleanup --json
"""
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def cleanup(as_json: terminal.Json = False) -> None:
    async def run() -> dict[str, int]:
        async with running.opened(settings.load()) as here:
            return await jobs.cleanup(here.settings, here.oauth.clock, here.database)

    terminal.show(asyncio.run(run()), as_json=as_json)

"""`authserver migrate`."""

from __future__ import annotations

import asyncio

import typer

from .. import database, migrations, settings
from . import terminal

HELP = """Bring the database to what this version needs. Several may run at once; later ones find it done.

\b
Examples:
  authserver migrate
  AUTHSERVER_DATABASE_URL=postgresql://auth@db/auth authserver migrate
"""
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def migrate() -> None:
    config = settings.load()
    before = asyncio.run(_version(config))
    if before == migrations.HEAD:
        terminal.say(f"The database is at {before} already.")
        return
    migrations.upgrade_now(config.database_url)
    if before is not None and before not in migrations.VERSIONS:
        terminal.say(f"A newer version has brought the database to {before}; this one still works with it.")
        return
    terminal.say(f"The database went from {before or 'empty'} to {migrations.HEAD}.")


async def _version(config: settings.Settings) -> str | None:
    store = database.Database(config.database_url, pool_size=1)
    try:
        return await store.read(migrations.current)
    finally:
        await store.close()

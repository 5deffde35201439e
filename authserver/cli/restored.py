"""`authserver restored`."""

from __future__ import annotations

import typer

from ..oauth import restored as restoring
from . import running, terminal

HELP = """After the database came from a backup: end all sessions, codes and tokens, so that none is used twice.

What was used, revoked or signed out of since the backup is unknown. Everyone signs in again.

\b
Examples:
  authserver restored
  authserver restored --yes
"""
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def restored(yes: terminal.Yes = False) -> None:
    terminal.confirm("Sign everyone out and end every token?", yes=yes)
    running.transact(lambda here, session: restoring.end_everything(session, now=here.now))
    terminal.say(
        "All sessions, codes and tokens from before have ended; APIs that verify offline accept access tokens until "
        "they expire. Do again what was done since the backup: disabled apps and accounts, revoked signing keys, "
        "new client secrets and passwords."
    )

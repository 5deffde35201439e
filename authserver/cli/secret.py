"""`authserver secret`: the key under which private keys lie encrypted."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from .. import audit, credentials, settings
from ..oauth import signing_keys
from . import exits, running, terminal

app = terminal.group(
    "Rotate the key for what is stored encrypted.\n\n\b\nExamples:\n  authserver secret rotate --yes"
)

FROM_ENVIRONMENT = """The secret key comes from AUTHSERVER_SECRET_KEY, which a command can't change. In three steps:
  1. put a new key before the old one, on every node: AUTHSERVER_SECRET_KEY=NEW,OLD
     (`openssl rand -base64 32` makes one), and restart them
  2. authserver secret rotate --reseal
  3. keep OLD in the list until refresh tokens made under it have ended (90 days)"""


@app.command(
    "rotate", help="Make a new key the first one and encrypt everything with it. Nobody is signed out."
)
def rotate(
    reseal: Annotated[
        bool, typer.Option("--reseal", help="Only encrypt everything with the key that is first now.")
    ] = False,
    yes: terminal.Yes = False,
) -> None:
    config = settings.load()
    if not reseal:
        path = credentials.SecretKeys.load(config).path
        if path is None:
            raise exits.CommandError(FROM_ENVIRONMENT, exits.REFUSED)
        terminal.confirm(
            f"Put a new key first in {path}? Restart every node afterwards, with the same file.", yes=yes
        )
        credentials.prepend_key(path)
    count = asyncio.run(_reseal(config))
    terminal.say(f"{count} private keys are encrypted with the first secret key. Restart every node now.")


async def _reseal(config: settings.Settings) -> int:
    def work(here: running.Here, session: Session) -> int:
        count = signing_keys.reseal(here.oauth, session)
        audit.record(session, "secret_rotated", now=here.now, count=count)
        return count

    async with running.opened(config) as here:
        return await here.database.transaction(lambda session: work(here, session))

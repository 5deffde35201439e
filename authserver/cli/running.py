"""Opens the server's rooms for one command: the same settings, database and verbs that `serve` uses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from .. import audit, cache, clock, credentials, database, limits, migrations, settings
from ..oauth.context import OAuth
from ..people import passwords
from . import exits, terminal

T = TypeVar("T")


@dataclass(frozen=True)
class Here:
    """What a command works with."""

    settings: settings.Settings
    database: database.Database
    oauth: OAuth

    @property
    def now(self) -> float:
        return self.oauth.clock()


def transact(work: Callable[[Here, Session], T]) -> T:
    """Run `work` in one transaction of the configured database and return what it returns."""

    async def run() -> T:
        async with opened(settings.load()) as here:
            return await here.database.transaction(lambda session: work(here, session))

    return asyncio.run(run())


@contextlib.asynccontextmanager
async def opened(config: settings.Settings) -> AsyncIterator[Here]:
    """The rooms, on a database of the right shape. Raises CommandError, ConfigurationError, UnavailableError."""
    await prepare(config)
    secret_keys = credentials.SecretKeys.load(config)
    store = database.Database(config.database_url, pool_size=1)
    kept = cache.Cache(store, config.valkey_url)
    lane = passwords.Lane(config)
    limiter = limits.Limits(store, clock.system, config.valkey_url)
    try:
        yield Here(
            config,
            store,
            OAuth(config, clock.system, kept, secret_keys, lane, limiter, audit.Buffer()),
        )
    finally:
        await kept.close()
        await limiter.close()
        lane.close()
        await store.close()


async def prepare(config: settings.Settings) -> None:
    """See that the database has the shape this version needs: SQLite is migrated, PostgreSQL by command alone,
    because other nodes may still run the old version; these may be started again meanwhile.

    Raises CommandError, UnavailableError.
    """
    store = database.Database(config.database_url, pool_size=1)
    try:
        shape = await store.read(migrations.check)
    finally:
        await store.close()
    if shape == "current":
        return
    if shape == "ahead":
        terminal.say(
            "A newer version of authserver has migrated this database; this one still works with it."
        )
        return
    if shape == "apart":
        raise exits.CommandError(
            "A newer version of authserver has migrated this database, beyond what this one can use. "
            "Run that version, or restore a backup.",
            exits.NOT_READY,
        )
    if not config.is_sqlite:
        what = "is empty" if shape == "empty" else "has the shape of an older version"
        raise exits.CommandError(
            f"The database {what}. Bring it up to date first: authserver migrate", exits.NOT_READY
        )
    await migrations.upgrade(config.database_url)

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
    async with contextlib.AsyncExitStack() as closing:
        store = database.Database(config.database_url, pool_size=1)
        closing.push_async_callback(store.close)
        await _prepare(config, store)
        secret_keys = credentials.SecretKeys.load(config)
        kept = cache.Cache(store, config.valkey_url)
        closing.push_async_callback(kept.close)
        limiter = limits.Limits(store, clock.system, config.valkey_url)
        closing.push_async_callback(limiter.close)
        lane = passwords.Lane(config)
        closing.callback(lane.close)
        yield Here(
            config,
            store,
            OAuth(config, clock.system, kept, secret_keys, lane, limiter, audit.Buffer()),
        )


async def _prepare(config: settings.Settings, store: database.Database) -> None:
    """See that the database has the shape this version needs: SQLite is migrated, PostgreSQL by command alone,
    because other nodes may still run the old version; these may be started again meanwhile.

    Raises CommandError, UnavailableError.
    """
    shape = await store.read(migrations.check)
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
    await store.close()
    await migrations.upgrade(config.database_url)

"""Work nobody waits for: expired rows go, signing keys rotate. It runs inside `serve`, one process at a time each.

A job is claimed by a lease that lasts until it is due again, so of all processes on all nodes one runs it. Each
room says itself what has expired.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from . import cache, database, limits, logs
from .clock import Clock
from .oauth import authorization_requests, client_secrets, codes, deny_list, refresh_tokens, signing_keys
from .oauth.context import OAuth
from .people import sessions
from .settings import Settings

TICK_SECONDS = 5.0
BATCH = 500
# A backlog is worked off over several runs, so that no run holds up the writers for long.
MAX_BATCHES = 200

table = sa.Table(
    "leases",
    database.metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until_at", sa.Double, nullable=False),
)


@dataclass(frozen=True)
class Context:
    """What jobs need."""

    settings: Settings
    clock: Clock
    database: database.Database
    oauth: OAuth


@dataclass(frozen=True)
class Job:
    """Something to do again and again. It must do no harm when it runs twice."""

    name: str
    every_seconds: float
    run: Callable[[Context], Awaitable[object]]


# session, now, limit: deletes at most so many expired rows, returns how many.
Sweep = Callable[[Session, float, int], int]


def sweeps(settings: Settings) -> dict[str, Sweep]:
    """For each table that grows, the verb that cleans it."""
    return {
        "attempts": limits.delete_expired,
        "authorization_codes": codes.delete_expired,
        "authorization_requests": authorization_requests.delete_expired,
        "cache_changes": lambda session, _now, limit: cache.delete_expired(session, limit),
        "client_secrets": client_secrets.delete_expired,
        "denials": deny_list.delete_expired,
        "refresh_tokens": refresh_tokens.delete_expired,
        "sessions": lambda session, now, limit: sessions.delete_expired(
            session, now, limit, settings=settings
        ),
    }


async def cleanup(settings: Settings, clock: Clock, store: database.Database) -> dict[str, int]:
    """Delete what has expired, in short transactions; how many rows of each table.

    Raises what kept a table from being cleaned, after all have had their turn, such as database.UnavailableError.
    """
    deleted: dict[str, int] = {}
    failures: list[Exception] = []
    for name, sweep in sweeps(settings).items():
        deleted[name] = 0
        try:
            for _ in range(MAX_BATCHES):
                count = await store.transaction(_batch(sweep, clock()))
                deleted[name] += count
                if count < BATCH:
                    break
        except Exception as failure:  # noqa: BLE001  one table must not stop the others
            failures.append(failure)
    if failures:
        raise failures[0]
    return deleted


def _batch(sweep: Sweep, now: float) -> Callable[[Session], int]:
    return lambda session: sweep(session, now, BATCH)


async def _cleanup(context: Context) -> None:
    await cleanup(context.settings, context.clock, context.database)


async def _keep_keys(context: Context) -> None:
    await context.database.transaction(lambda session: signing_keys.run(context.oauth, session))


JOBS = (
    Job("expired rows", 300, _cleanup),
    Job("signing keys", 60, _keep_keys),
)


def claim(session: Session, job: Job, now: float) -> float | None:
    """Take the job for one period, in one statement: None when it is ours, else when to ask again."""
    until_at = now + job.every_seconds
    statement = database.insert(session, table).values(name=job.name, holder=_holder(), until_at=until_at)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": statement.excluded.holder, "until_at": until_at},
        # A lease that ends later than any can was taken by a clock that has been set back since.
        where=(table.c.until_at <= now) | (table.c.until_at > until_at),
    )
    if session.execute(statement.returning(table.c.name)).first() is not None:
        return None
    query = sa.select(table.c.until_at).where(table.c.name == job.name)
    return float(session.execute(query).scalar_one())


async def run_due(context: Context, due_at: dict[str, float] | None = None) -> None:
    """Run the jobs that are due and that nobody else has claimed; `due_at` remembers when to ask again.

    Raises what a job raises, after all have had their turn.
    """
    due_at = {} if due_at is None else due_at
    failures: list[Exception] = []
    for job in JOBS:
        now = context.clock()
        if now < due_at.get(job.name, 0) <= now + job.every_seconds:
            continue
        try:
            later = await context.database.transaction(functools.partial(claim, job=job, now=now))
            due_at[job.name] = later if later is not None else now + job.every_seconds
            if later is None:
                await job.run(context)
        except Exception as failure:  # noqa: BLE001  the other jobs have their turn first
            failures.append(failure)
    if failures:
        raise failures[0]


async def run_forever(context: Context) -> None:
    """Run jobs as they become due until cancelled; after failures wait longer, up to a minute."""
    log = logs.get_logger("jobs")
    due_at: dict[str, float] = {}
    pause = TICK_SECONDS
    while True:
        try:
            await run_due(context, due_at)
            pause = TICK_SECONDS
        except database.UnavailableError as error:
            log.warning("background work waits: the database does not answer", error=str(error)[:200])
            pause = min(pause * 2, 60)
        except Exception:
            log.exception("background work failed")
            pause = min(pause * 2, 60)
        await asyncio.sleep(pause)


def _holder() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"

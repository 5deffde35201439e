"""Work in the background: each job once per period whoever asks, and what has expired goes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from authserver import audit, cache, credentials, jobs, limits, settings
from authserver.database import Database
from authserver.oauth import deny_list, signing_keys
from authserver.oauth.context import OAuth
from authserver.people import passwords

from ...support.authserver import SECRET_KEY
from ...support.clock import ManualClock
from .conftest import Opened


def context_of(database: Database, clock: ManualClock) -> jobs.Context:
    config = settings.load(secret_key=SECRET_KEY, password_memory_kib=8)
    assert len(base64.b64decode(SECRET_KEY)) == 32
    oauth = OAuth(
        config,
        clock,
        cache.Cache(database),
        credentials.SecretKeys.load(config),
        passwords.Lane(config),
        limits.Limits(database, clock),
        audit.Buffer(),
    )
    return jobs.Context(config, clock, database, oauth)


class Counted:
    """A job that counts its runs, and fails when told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.fails = False

    async def run(self, _context: jobs.Context) -> None:
        self.runs += 1
        if self.fails:
            raise RuntimeError("the job failed")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    job = Counted()
    monkeypatch.setattr(jobs, "JOBS", (jobs.Job("counted", 60, job.run), jobs.Job("second", 60, job.run)))
    return job


async def test_of_many_processes_one_runs_a_job_once_per_period(
    opened: Opened, clock: ManualClock, counted: Counted
) -> None:
    contexts = [context_of(opened(), clock) for _ in range(2)]
    for period in (1, 2, 3):
        await asyncio.gather(*(jobs.run_due(each) for each in contexts * 5))
        assert counted.runs == 2 * period
        clock.advance(59)
        await jobs.run_due(contexts[0])
        assert counted.runs == 2 * period
        clock.advance(1)


async def test_a_job_that_fails_leaves_the_others_their_turn_and_comes_again(
    database: Database, clock: ManualClock, counted: Counted
) -> None:
    context = context_of(database, clock)
    counted.fails = True
    with pytest.raises(RuntimeError, match="the job failed"):
        await jobs.run_due(context)
    assert counted.runs == 2
    counted.fails = False
    clock.advance(60)
    await jobs.run_due(context)
    assert counted.runs == 4


async def test_a_clock_set_back_does_not_stop_the_work(
    database: Database, clock: ManualClock, counted: Counted
) -> None:
    context, due_at = context_of(database, clock), dict[str, float]()
    await jobs.run_due(context, due_at)
    clock.advance(-3600)
    await jobs.run_due(context, due_at)
    assert counted.runs == 4


async def test_a_process_that_was_told_when_asks_no_earlier(
    opened: Opened, clock: ManualClock, counted: Counted
) -> None:
    first, second = context_of(opened(), clock), context_of(opened(), clock)
    due_at: dict[str, float] = {}
    await jobs.run_due(first)
    clock.advance(30)
    await jobs.run_due(second, due_at)
    assert due_at == {"counted": clock() + 30, "second": clock() + 30}
    clock.advance(30)
    await jobs.run_due(second, due_at)
    assert counted.runs == 4


async def test_work_goes_on_after_the_database_was_away(
    clock: ManualClock, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "TICK_SECONDS", 0.01)
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    task = asyncio.create_task(jobs.run_forever(context_of(nowhere, clock)))
    await asyncio.sleep(0.3)
    assert not task.done()
    assert counted.runs == 0
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await nowhere.close()


async def test_what_has_expired_is_cleaned_up_in_batches(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)

    def fill(session: Session) -> None:
        for number in range(5):
            limits.claim(session, f"{number}", limit=1, seconds=60, now=clock())
        limits.claim(session, "later", limit=1, seconds=600, now=clock())

    await database.transaction(fill)
    clock.advance(60)
    context = context_of(database, clock)
    deleted = await jobs.cleanup(context.settings, clock, database)
    assert deleted["attempts"] == 5
    assert sum(deleted.values()) == 5
    assert sum((await jobs.cleanup(context.settings, clock, database)).values()) == 0


async def test_a_table_that_cannot_be_cleaned_keeps_no_other_from_it(
    database: Database, clock: ManualClock
) -> None:
    def prepare(session: Session) -> None:
        deny_list.deny(session, deny_list.TOKEN, "one", now=clock())
        session.execute(sa.text("DROP TABLE attempts"))

    await database.transaction(prepare)
    clock.advance(2 * deny_list.AHEAD_SECONDS)
    context = context_of(database, clock)
    with pytest.raises(sa.exc.DBAPIError, match="attempts"):
        await jobs.cleanup(context.settings, clock, database)
    left = await database.read(lambda session: session.execute(sa.select(deny_list.table)).all())
    assert left == []


async def test_every_table_that_grows_is_cleaned() -> None:
    kept: Any = {
        "alembic_version",
        "apis",
        "cache_version",
        "clients",
        "consents",
        "events",
        "leases",
        "scopes",
    }
    kept |= {"signing_keys", "users"}  # `signing_keys` by its own job
    from authserver.database import metadata

    assert set(metadata.tables) - kept == set(jobs.sweeps(settings.load()))


async def test_signing_keys_change_by_themselves(database: Database, clock: ManualClock) -> None:
    context = context_of(database, clock)

    async def active() -> str:
        ring = await database.read(lambda session: signing_keys.ring(context.oauth, session))
        return ring.active.kid

    before = await active()
    await jobs.run_due(context)
    assert await active() == before
    for _ in range(91):
        clock.advance(86400)
        await jobs.run_due(context)
    assert await active() != before

"""The database answers late, or has no turn left, or refuses now and then, as it does when two writers meet."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx2
import pytest

from . import load, promises
from .house import House
from .late import between
from .measuring import wait_for
from .postgres import DATABASES
from .stage import LONG, OUTAGE_SECONDS, REFUSED_SECONDS, TIMES, Stage
from .test_database import bearer

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(600)]

LATE_SECONDS = 2.0
CROWD = 40
"""At one server: more than the ten connections that one process may open."""
KEPT = 4 * 5
"""What the pools of our four processes keep open."""
MOST = 3 * KEPT
"""What they have between them at any time: twice as much, and for a moment those that were given up."""


@contextlib.contextmanager
def late(stage: Stage) -> Iterator[None]:
    """Two seconds more for each statement."""
    with between(stage.postgres) as here:
        wait_for(lambda: stage.first.ready and stage.gallery.ready)
        here.seconds = LATE_SECONDS
        yield


@contextlib.contextmanager
def lock_held(stage: Stage) -> Iterator[None]:
    """Somebody has locked what we need, and went for lunch."""
    with asyncio.Runner() as runner:
        holders = []
        for database, table in zip(DATABASES, ("refresh_tokens", "images"), strict=True):
            holders.append(runner.run(asyncpg.connect(stage.postgres.named(database))))
            runner.run(holders[-1].execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        try:
            yield
        finally:
            for holder in holders:
                runner.run(holder.close())


FAULTS: dict[str, Callable[[Stage], contextlib.AbstractContextManager[None]]] = {
    "late": late,
    "used up": lock_held,
}


SPARED = {"late": {"list", "readyz"}, "used up": {"readyz"}}
"""What one statement is enough for, or what needs nothing that is locked; such may be served."""


@dataclass(frozen=True)
class Answer:
    """To one of many who came at the same time."""

    status: int
    seconds: float
    may_come_again: bool


def crowd(house: House, *kinds: str) -> list[tuple[str, Answer]]:
    """What many are told who come at once, each kind in its turn."""
    form = {"token": house.tokens["refresh_token"], "refresh_token": house.tokens["refresh_token"]}
    token = bearer(house.tokens["access_token"])
    requests: dict[str, tuple[str, str, dict[str, Any]]] = {
        "refresh": (
            "POST",
            f"{house.authserver.url}/oauth/token",
            {"data": {"grant_type": "refresh_token", **form}, **house.app.credentials()},
        ),
        "revoke": (
            "POST",
            f"{house.authserver.url}/oauth/revoke",
            {"data": {"token": form["token"]}, **house.app.credentials()},
        ),
        "upload": (
            "POST",
            f"{house.gallery.url}/uploads",
            {"files": {"file": ("x.png", load.picture(), "image/png")}, "headers": token},
        ),
        "list": ("GET", f"{house.gallery.url}/images", {"headers": token}),
        "readyz": ("GET", f"{house.authserver.url}/readyz", {}),
    }

    async def one(http: httpx2.AsyncClient, kind: str) -> tuple[str, Answer]:
        method, url, given = requests[kind]
        began = time.monotonic()
        told = await http.request(method, url, **given)
        seconds = time.monotonic() - began
        return kind, Answer(told.status_code, seconds, "retry-after" in told.headers)

    async def all_at_once() -> list[tuple[str, Answer]]:
        everybody = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=everybody) as http:
            return await asyncio.gather(*(one(http, kind) for kind in kinds * (CROWD // len(kinds) + 1)))

    return asyncio.run(all_at_once())


@pytest.mark.parametrize("fault", FAULTS)
def test_row_153_whoever_waits_for_a_slow_database_is_told_to_come_again(stage: Stage, fault: str) -> None:
    stage.wait_until_ready()
    house = House(stage.first, stage.gallery, stage.app)
    house.tokens = house.redeem(house.code()).json()
    assert {told.status for _, told in crowd(house, "refresh", "list", "readyz")} == {200}
    wait_for(house.rotate)
    wait_for(lambda: stage.postgres.connections() <= KEPT)
    before = house.images()
    with FAULTS[fault](stage):
        for _ in range(10 if LONG else 1):
            watch = stage.stopwatch()
            heard = crowd(house, "refresh", "revoke", "upload", "list", "readyz")
            allowed = watch.allowed(REFUSED_SECONDS, times=TIMES)
            slowest = max(told.seconds for _, told in heard)
            print(f"{fault}: {Counter((kind, told.status) for kind, told in heard)}, at most {slowest:.2f} s")
            assert stage.postgres.connections() < MOST
            assert slowest < allowed
            for kind, told in heard:
                assert (told.status, told.may_come_again) == (503, True) or kind in SPARED[fault], (
                    kind,
                    told,
                )
                assert told.status in (200, 503), kind
    stage.wait_until_ready()
    wait_for(house.rotate)  # who heard 503 is not signed out, and nobody was told so
    assert house.images() == before
    assert house.upload().status_code == 201
    assert house.ask("revoke", token=house.tokens["refresh_token"]).status_code == 200
    assert house.refresh().status_code == 400
    wait_for(lambda: stage.postgres.connections() <= KEPT)


MEET = """
CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < {chance} THEN
        RAISE EXCEPTION 'two writers met' USING ERRCODE = TG_ARGV[0];
    END IF;
    RETURN NULL;
END $$;
"""
# A deadlock shows at a statement, a conflict of serializable transactions often not before the commit.
AT_A_STATEMENT = (
    "CREATE TRIGGER meets AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION meet('40P01')"
)
AT_THE_COMMIT = """
CREATE CONSTRAINT TRIGGER meets_late AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION meet('40001')
"""
WRITTEN = {
    "authserver": ("authorization_requests", "authorization_codes", "refresh_tokens", "consents"),
    "gallery": ("images", "shares", "balances", "ledger", "idempotent_answers"),
}


@contextlib.contextmanager
def writers_meet(stage: Stage, chance: float) -> Iterator[None]:
    """As a database that tells one of two transactions to begin again, and both services now and then."""
    for database, tables in WRITTEN.items():
        made = [each.format(table=table) for table in tables for each in (AT_A_STATEMENT, AT_THE_COMMIT)]
        stage.postgres.query(database, MEET.format(chance=chance) + ";".join(made))
    try:
        yield
    finally:
        for database in WRITTEN:
            wait_for(functools.partial(drop, stage, database))


def drop(stage: Stage, database: str) -> bool:
    """Whether the triggers are gone; to drop them takes locks on tables that others use in another order."""
    try:
        stage.postgres.query(database, "DROP FUNCTION meet CASCADE")
    except asyncpg.DeadlockDetectedError:
        return False
    return True


def test_row_153_a_transaction_that_has_to_begin_again_has_not_happened(stage: Stage) -> None:
    stage.wait_until_ready()
    with load.running(stage) as history:
        with writers_meet(stage, chance=0.07):
            time.sleep(OUTAGE_SECONDS if LONG else 0)
            wait_for(lambda: len(history.refused) >= 5)
        done = history.done.copy()
        wait_for(lambda: not {"code", "refresh", "upload", "generate", "list"} - (history.done - done).keys())
    promises.check(stage, history)

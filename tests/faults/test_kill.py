"""`kill -9`, of anything, at a moment of nobody's choosing, while everything is used at once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from . import load, promises
from .measuring import wait_for
from .stage import CYCLES, READY_SECONDS, TIMES, Service, Stage

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def restart(service: Service) -> None:
    service.kill()
    service.start()
    service.wait_until_ready()


def kill_a_worker(stage: Stage) -> None:
    """Its supervisor starts another; until then the other worker answers."""
    before = stage.second.workers
    os.kill(random.choice(before), signal.SIGKILL)

    def replaced() -> bool:
        now = stage.second.workers
        return len(now) == len(before) and now != before and stage.second.ready

    wait_for(replaced)


def kill_a_backend(stage: Stage) -> None:
    """PostgreSQL then ends every connection and recovers."""
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        random.choice(stage.postgres.backends()).kill()
    stage.wait_until_ready()


def kill_postgres(stage: Stage) -> None:
    stage.postgres.kill()
    stage.postgres.start()
    stage.wait_until_ready()


VICTIMS: dict[str, Callable[[Stage], None]] = {
    "a server": lambda stage: restart(stage.first),
    "a supervisor": lambda stage: restart(stage.second),
    "a worker": kill_a_worker,
    "the gallery": lambda stage: restart(stage.gallery),
    "a backend of PostgreSQL": kill_a_backend,
    "PostgreSQL": kill_postgres,
}


@pytest.mark.timeout(7200)
def test_row_152_nothing_confirmed_is_lost_and_nothing_counts_twice(stage: Stage) -> None:
    times: dict[str, list[float]] = {victim: [] for victim in VICTIMS}
    busy = []
    with load.running(stage) as history:
        for cycle in range(CYCLES):
            busy.append(psutil.cpu_percent(random.uniform(0.1, 1.0)))
            if cycle % len(VICTIMS) == 0:
                order = random.sample(list(VICTIMS), len(VICTIMS))
            victim = order[cycle % len(VICTIMS)]
            watch = stage.stopwatch()
            VICTIMS[victim](stage)
            seconds, allowed = watch.seconds, watch.allowed(READY_SECONDS, times=TIMES)
            times[victim].append(seconds)
            print(f"{victim}: {seconds:.2f} s of {allowed:.2f} s")
            assert seconds < allowed, (victim, times)
            assert history.wrong == [], (victim, history.wrong)
        time.sleep(0.5)
    for victim, measured in times.items():
        if measured:
            soon = sum(seconds <= READY_SECONDS for seconds in measured)
            print(
                f"{victim}: ready after {sum(measured) / len(measured):.2f} s, at most {max(measured):.2f} s, "
                f"{soon} times of {len(measured)} within {READY_SECONDS:.0f} s"
            )
    print(f"between the kills, {sum(busy) / len(busy):.0f} % of the processor's time was taken")
    print(f"{history.again} requests tried again; {dict(history.done)}")
    assert not {"code", "refresh", "revoke", "upload", "generate", "share", "list"} - history.done.keys()
    promises.check(stage, history)

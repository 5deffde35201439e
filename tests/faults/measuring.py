"""How long something took and may take on a machine that others use as well; processes as the system sees them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

NEVER_SECONDS = 150.0


@dataclass
class Stopwatch:
    """How long something took, and how long it may on a machine that others use as well.

    Linux notes of each thread how long it ran and how long it was ready to run and had to wait for a core. What ran
    for one second and waited for two would have taken a third of the time alone.
    """

    processes: Callable[[], Iterable[psutil.Process]]
    began: float = 0.0
    before: dict[int, tuple[float, float]] = field(default_factory=dict)

    def start(self) -> None:
        self.before, self.began = self._schedules(), time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def allowed(self, seconds: float, *, times: float = 3.0) -> float:
        """A bound of so many seconds on an idle machine, on this one. Three times what the waiting explains: on a
        busy one, a core does less in the same time as well."""
        ran = waited = 0.0
        for thread, (now_ran, now_waited) in self._schedules().items():
            ran_before, waited_before = self.before.get(thread, (0.0, 0.0))
            ran, waited = ran + now_ran - ran_before, waited + now_waited - waited_before
        return times * seconds * (ran + waited) / max(ran, 0.001)

    def _schedules(self) -> dict[int, tuple[float, float]]:
        found = {}
        for process in self.processes():
            for path in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    ran, waited, _ = path.read_text().split()
                    found[int(path.parent.name)] = (float(ran), float(waited))
        return found


def wait_for(what: Callable[[], bool]) -> None:
    """Returns once `what` holds; fails when that never comes."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < NEVER_SECONDS, f"not within {NEVER_SECONDS:.0f} s"
        time.sleep(0.02)


def family_of(pid: int) -> list[psutil.Process]:
    """A process and all that came of it; none when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return []


def command_line(process: psutil.Process) -> str:
    """What it was started with; nothing for one that is dead."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""

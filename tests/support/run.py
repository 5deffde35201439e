"""What the processes of one test run share: a folder, and the promise that something is done once.

pytest's own process (with xdist: the one that hands out the tests) makes the folder and holds a lock on a file in
it for as long as it lives. Whoever must end with the run waits for that lock; it comes free however the run ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_VARIABLE = "TEST_RUN_FOLDER"
_GOODBYE_SECONDS = 15.0
_ROOM = 4 * 1024**3


class Run:
    """The run as its first process sees it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="test-run-", dir=_memory()))
        self._alive = (self.folder / "alive").open("w")
        fcntl.flock(self._alive, fcntl.LOCK_EX)
        os.environ[_VARIABLE] = str(self.folder)

    def end(self) -> None:
        """Lets go, waits until what ends with the run has ended, and removes the folder."""
        self._alive.close()
        os.environ.pop(_VARIABLE, None)
        deadline = time.monotonic() + _GOODBYE_SECONDS
        while list(self.folder.glob("*.running")) and time.monotonic() < deadline:
            time.sleep(0.02)
        shutil.rmtree(self.folder, ignore_errors=True)


def _memory() -> Path | None:
    """A folder in memory where there is room: making a database takes 20 ms there, and up to 300 on a disk."""
    memory = Path("/dev/shm")  # noqa: S108, what is made in it has a name of its own
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else None


def folder() -> Path:
    """The run's folder, in whichever of its processes."""
    return Path(os.environ[_VARIABLE])


def wait_for_the_end(of: Path) -> None:
    """Returns when the run with this folder is over, even if it was killed."""
    with (of / "alive").open() as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)


@contextlib.contextmanager
def alone(name: str) -> Iterator[Path]:
    """Only one of the run's processes is inside at a time. Gives a path to leave a mark at."""
    mark = folder() / name
    with mark.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield mark

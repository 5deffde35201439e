"""The folder in which several workers add up their counters, for /metrics to tell the sum."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "authserver-metrics-"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_LOCK = "lock"


@contextlib.contextmanager
def shared(workers: int) -> Iterator[None]:
    """Tells this process and those it forks where to count; where the operator has chosen a folder, it is that."""
    if workers == 1 or VARIABLE in os.environ:
        yield
        return
    # Mapped into memory, a page for which a full disk has no room would kill the process.
    memory = Path("/dev/shm")  # noqa: S108  mkdtemp makes it ours alone
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    os.environ[VARIABLE] = str(folder)
    try:
        with _locked(folder):
            yield
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which each forked worker holds as well; raises BlockingIOError when somebody does."""
    with (folder / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove_abandoned(parent: Path) -> None:
    """Who was killed left its folder; who runs holds its lock, also in another container that sees the folder."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, or somebody else's
            if (folder / _LOCK).exists():  # not one that is being made just now
                with _locked(folder):
                    shutil.rmtree(folder)

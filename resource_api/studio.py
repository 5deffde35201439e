"""Where pictures are drawn and decoded: a child process, off the event loop, with limits on time and memory.

What is drawn is `drawing`, what a file must be is `pictures.py`, the child itself is `easel.py`. A child, because a
hostile file may make a decoder spin, swell or worse: then the child dies, not the service.
"""

import asyncio
import contextlib
import io
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from . import database, logs, problems
from .easel import LENGTH
from .problems import Problem

T = TypeVar("T")

log = logs.get("studio")

WAITING = 20
"""So many pictures may wait in one process; the next caller hears 503."""
OWN_WAITING = 128
"""So many requests of one owner may wait for their turn; the next hears 429."""
CPU_SECONDS = 6
"""A picture at its limit takes about two, on one core of a server; a hostile file may ask for hours."""
WALL_SECONDS = 30.0
MEMORY_BYTES = 236 * 1024 * 1024
"""What the child may write to. With its libraries, which it shares, it stays below 256 MiB."""

# What the child may send back. Unpickling runs what it names, and the child has opened files of strangers.
_EXPECTED = {
    ("resource_api.pictures", "Picture"),
    ("resource_api.pictures", "PictureError"),
    ("builtins", "MemoryError"),
    ("builtins", "ValueError"),
}


class Studio:
    """One child that works on one picture at a time, started by the first."""

    def __init__(self, *, cpu_seconds: int = CPU_SECONDS) -> None:
        self._cpu_seconds = cpu_seconds
        self._child: Process | None = None
        self._bench = asyncio.Lock()
        self._waiting = 0
        self._turns: dict[str, asyncio.Lock] = {}
        self._queued: Counter[str] = Counter()
        self._unanswered: Counter[str] = Counter()

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """What `work(*arguments)` returns or raises, in the child.

        Raises `Problem`: 503 when too many wait or the machine has no time for it, 422 when the work went beyond
        its time or memory.
        """
        if self._waiting >= WAITING:
            raise problems.busy()
        self._waiting += 1
        try:
            async with self._bench:
                if self._child is None or self._child.returncode is not None:
                    self._child = await _start(self._cpu_seconds)
                try:
                    async with asyncio.timeout(WALL_SECONDS):
                        done, answer = await _ask(self._child, (work, *arguments))
                except BaseException as error:
                    # Also when the request is given up: an answer nobody waits for must not be taken for the next.
                    child, self._child = self._child, None
                    fault = await _fault(child, error)
                    await _end(child)
                    if fault is not None:
                        raise fault from None
                    raise
        finally:
            self._waiting -= 1
        if done:
            result: T = answer
            return result
        raise _too_much() if isinstance(answer, MemoryError) else answer

    @contextlib.asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """One owner's pictures are made one after the other, so that what was checked before is still so after.

        It saves work and keeps an owner from filling the queue; that nothing is spent twice is the database's
        doing. When the database leaves one unanswered, those who waited for it don't try in their turn: each would
        hear 503 later than the one before. Raises `Problem` 429 when too many of the owner's requests wait.
        """
        if self._queued[owner] >= OWN_WAITING:
            raise Problem(
                "too_many_requests", "Too many of your requests wait.", headers={"Retry-After": "5"}
            )
        self._queued[owner] += 1
        unanswered = self._unanswered[owner]
        try:
            async with self._turns.setdefault(owner, asyncio.Lock()):
                if self._unanswered[owner] != unanswered:
                    raise problems.busy()
                try:
                    yield
                except database.UnavailableError:
                    self._unanswered[owner] += 1
                    raise
        finally:
            self._queued[owner] -= 1
            if not self._queued[owner]:
                del self._queued[owner], self._turns[owner], self._unanswered[owner]

    async def close(self) -> None:
        """Lets the picture in hand be finished, and ends the child."""
        async with self._bench:
            if self._child is not None:
                await _end(self._child)
                self._child = None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _EXPECTED:
            raise pickle.UnpicklingError(f"the child sent a {module}.{name}")
        return super().find_class(module, name)


async def _start(cpu_seconds: int) -> Process:
    # -P and PYTHONPATH: it finds exactly the modules this process finds, wherever both were started.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "resource_api.easel",
        str(MEMORY_BYTES),
        str(cpu_seconds),
        stdin=PIPE,
        stdout=PIPE,
        # Nothing else of the environment: it holds the database's password, and the child opens strangers' files.
        env={
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "MALLOC_MMAP_THRESHOLD_": "1048576",  # glibc would keep pixels that were let go of, for later
        },
        start_new_session=True,  # Ctrl-C is for the service, which lets it finish
    )


async def _ask(child: Process, work: tuple[object, ...]) -> tuple[bool, Any]:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child has no pipes")
    asked = pickle.dumps(work)
    child.stdin.write(LENGTH.pack(len(asked)) + asked)
    await child.stdin.drain()
    (length,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
    answer: tuple[bool, Any] = _Unpickler(io.BytesIO(await child.stdout.readexactly(length))).load()
    return answer


async def _fault(child: Process, error: BaseException) -> Problem | None:
    """Whose fault it is that the child gave no answer: the picture's, over which it crashed or spun, or the machine's,
    which had no time for it, ended it, or did not let it begin. None when it is neither's."""
    if isinstance(error, TimeoutError):
        return problems.busy()
    if not isinstance(error, (EOFError, OSError)):
        return None
    status = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            status = await child.wait()
    log.warning("picture_not_made", status=status)
    return _too_much() if status is not None and status < 0 and status != -signal.SIGKILL else problems.busy()


async def _end(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()


def _too_much() -> Problem:
    return Problem("validation_failed", "Making this picture took too much time or memory.", errors=[])

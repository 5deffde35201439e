"""Where pictures are drawn and decoded: a child process, off the event loop, with limits on time and memory.

What is drawn is `drawing.py`, what a file must be is `pictures.py`. A child, because a hostile file may make a
decoder spin or swell: then the child dies, not the service.
"""

import asyncio
import contextlib
import multiprocessing
import os
import resource
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from . import problems
from .problems import Problem

T = TypeVar("T")

WAITING = 20
"""So many pictures may wait in one process; the next caller hears 503."""
OWN_WAITING = 128
"""So many requests of one owner may wait for their turn; the next hears 429."""
CPU_SECONDS = 10
MEMORY_BYTES = 1024 * 1024 * 1024


class Studio:
    """One child that works on one picture at a time, started by the first."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._bench = asyncio.Lock()
        self._waiting = 0
        self._turns: dict[str, asyncio.Lock] = {}
        self._queued: Counter[str] = Counter()

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """What `work(*arguments)` returns or raises, in the child.

        Raises `Problem`: 503 when too many wait, 422 when the work went beyond its time or memory.
        """
        if self._waiting >= WAITING:
            raise problems.busy()
        self._waiting += 1
        try:
            async with self._bench:
                self._pool = self._pool or _open()
                try:
                    return await asyncio.wrap_future(self._pool.submit(with_limits, CPU_SECONDS, work, *arguments))
                except BrokenProcessPool:
                    self._pool.shutdown(wait=False)
                    self._pool = None
                    raise _too_much() from None
                except MemoryError:
                    raise _too_much() from None
        finally:
            self._waiting -= 1

    @contextlib.asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """One owner's pictures are made one after the other, so that what was checked before is still so after.

        It saves work and keeps an owner from filling the queue; that nothing is spent twice is the database's
        doing. Raises `Problem` 429 when too many of the owner's requests wait.
        """
        if self._queued[owner] >= OWN_WAITING:
            raise Problem(
                "too_many_requests", "Too many of your requests wait.", headers={"Retry-After": "5"}
            )
        self._queued[owner] += 1
        try:
            async with self._turns.setdefault(owner, asyncio.Lock()):
                yield
        finally:
            self._queued[owner] -= 1
            if not self._queued[owner]:
                del self._queued[owner], self._turns[owner]

    async def close(self) -> None:
        """Lets the picture in hand be finished, and ends the child."""
        async with self._bench:
            if self._pool is not None:
                await asyncio.to_thread(self._pool.shutdown)
                self._pool = None


def _open() -> ProcessPoolExecutor:
    # "spawn" starts clean: a fork would inherit the event loop's sockets and the database connections.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare)


def _prepare() -> None:
    """In the child: signals are the parent's business, limits are ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)


def with_limits(cpu_seconds: int, work: Callable[..., T], *arguments: object) -> T:
    """In the child: the kernel ends it when this piece of work takes too much processor time."""
    used = sum(os.times()[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + cpu_seconds, hard))
    return work(*arguments)


def _too_much() -> Problem:
    return Problem("validation_failed", "Making this picture took too much time or memory.", errors=[])

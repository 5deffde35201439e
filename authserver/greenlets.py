"""Greenlets that are used again: in one, a synchronous verb waits for what is asynchronous.

SQLAlchemy's `greenlet_spawn` makes one for each call, for which Python maps new memory and gives it back: under load,
about a tenth of the processor time of a token.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

from greenlet import GreenletExit, getcurrent, greenlet

T = TypeVar("T")

_IDLE = 100

_DONE: Any = object()


class Greenlets:
    """Those of one event loop."""

    def __init__(self) -> None:
        self._idle: deque[_Greenlet] = deque(maxlen=_IDLE)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. SQLAlchemy's `await_` waits in it, and the caller's context is its own."""
        worker = self._idle.pop() if self._idle else _Greenlet()
        here = getcurrent()
        worker.parent = here
        worker.gr_context = here.gr_context
        worker.work = work
        wanted = worker.switch()
        while wanted is not _DONE:
            try:
                value = await wanted
            except BaseException:  # noqa: BLE001  the work decides, by its own `except` and `finally`
                wanted = worker.throw(*sys.exc_info())
            else:
                wanted = worker.switch(value)
        answer, failure = worker.answer, worker.failure
        # What belonged to this call must not outlive it.
        worker.work = worker.answer = worker.failure = worker.gr_context = None
        self._idle.append(worker)
        if failure is None:
            return cast(T, answer)
        try:
            raise failure
        finally:
            del failure  # its traceback holds this frame


class _Greenlet(greenlet):
    """Runs one piece of work after the other; between them, and whenever one waits, its parent runs."""

    __sqlalchemy_greenlet_provider__ = True  # what `await_` asks

    parent: greenlet
    work: Callable[[], Any] | None = None
    answer: Any = None
    failure: BaseException | None = None

    def run(self) -> None:
        while self.work is not None:
            try:
                self.answer = self.work()
            except GreenletExit:  # nobody waits any more
                return
            except BaseException as error:  # noqa: BLE001  raised again for the caller
                self.failure = error
            self.parent.switch(_DONE)

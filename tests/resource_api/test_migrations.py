"""The migrations lead to exactly the tables the program uses, on both databases."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from resource_api import database, migrations, ownership, storage, tables
from resource_api.migrations import upgrading
from tests.support import databases


async def test_migrations_and_tables_agree(resource_database_url: str) -> None:
    await migrations.upgrade(resource_database_url)
    engine = database.engine(resource_database_url)

    def differences(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))

    def checks(connection: sa.Connection) -> set[str]:
        inspector = sa.inspect(connection)
        return {
            str(check["name"])
            for table in tables.metadata.tables
            for check in inspector.get_check_constraints(table)
        }

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        expected = {
            str(each.name)
            for table in tables.metadata.tables.values()
            for each in table.constraints
            if isinstance(each, sa.CheckConstraint)
        }
        assert await connection.run_sync(checks) == expected
    await engine.dispose()


async def test_the_version_this_program_needs_is_the_newest() -> None:
    assert ScriptDirectory.from_config(upgrading.config()).get_current_head() == migrations.HEAD


async def test_upgrading_may_be_tried_at_once_and_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/er/gallery.db"
    await asyncio.gather(*(migrations.upgrade(url) for _ in range(4)))
    await migrations.upgrade(url)
    assert await migrations.current(url) == (migrations.HEAD, True)


async def test_a_migration_takes_its_time_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_DRIVER_SECONDS", 0.3)
    async with databases.empty("postgresql", tmp_path) as url:
        holder = await asyncpg.connect(url)
        await holder.execute("SELECT pg_advisory_lock($1)", upgrading.LOCK)
        upgrade = asyncio.create_task(migrations.upgrade(url))
        await asyncio.sleep(1)  # as long as a large table takes, or another migration
        assert not upgrade.done()
        await holder.execute("SELECT pg_advisory_unlock($1)", upgrading.LOCK)
        await upgrade
        await holder.close()
        engine = database.engine(url)
        async with engine.connect() as connection:
            # PostgreSQL's own limit: the driver's would not end a statement whose client was killed.
            limit = await connection.scalar(sa.text("SHOW statement_timeout"))
            assert limit == "300ms"
            with pytest.raises((TimeoutError, sa.exc.DBAPIError)):
                await connection.execute(sa.text("SELECT pg_sleep(5)"))
        await engine.dispose()


async def test_images_from_before_are_counted(empty_database_url: str) -> None:
    engine = database.engine(empty_database_url)

    def until_then(connection: sa.Connection) -> None:
        asked = upgrading.config()
        asked.attributes["connection"] = connection
        command.upgrade(asked, "0001")
        row = {column.name: 0 for column in ownership.images.columns}
        texts = {"title": "", "source": "uploaded", "prompt": None, "media_type": "image/png", "digest": ""}
        for number, owner in enumerate(("ana", "ana", "bruno")):
            values = {**row, **texts, "id": str(number), "owner": owner, "size_bytes": 2_000_000_000}
            connection.execute(sa.insert(ownership.images).values(values))

    async with engine.begin() as connection:
        await connection.run_sync(until_then)
    await migrations.upgrade(empty_database_url)
    async with engine.connect() as connection:
        rows = await connection.execute(sa.select(storage.storage).order_by(storage.storage.c.owner))
        assert list(rows) == [("ana", 4_000_000_000), ("bruno", 2_000_000_000)]
    await engine.dispose()


async def test_an_empty_database_has_no_version(tmp_path: Path) -> None:
    assert await migrations.current(f"sqlite:///{tmp_path}/empty.db") == (None, False)


def test_serving_does_not_import_alembic() -> None:
    code = "import sys, resource_api.app; assert 'alembic' not in sys.modules, 'alembic was imported'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

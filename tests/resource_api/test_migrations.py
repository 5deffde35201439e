"""The migrations lead to exactly the tables the program uses, on both databases."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from resource_api import database, migrations, tables
from resource_api.migrations import upgrading


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
    assert await migrations.current(url) == migrations.HEAD


async def test_an_empty_database_has_no_version(tmp_path: Path) -> None:
    assert await migrations.current(f"sqlite:///{tmp_path}/empty.db") is None


def test_serving_does_not_import_alembic() -> None:
    code = "import sys, resource_api.app; assert 'alembic' not in sys.modules, 'alembic was imported'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

"""The shape of the database: migrations and tables agree, and many may start at once."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.orm import Session

from authserver import app, migrations
from authserver import database as bridge
from authserver.database import Database
from authserver.migrations import upgrading


def differences(connection: sa.Connection) -> list[object]:
    assert app.__name__  # with it come all modules that have tables
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, bridge.metadata))


async def test_migrations_make_exactly_the_tables_of_the_program(empty_database_url: str) -> None:
    await migrations.upgrade(empty_database_url)
    database = Database(empty_database_url)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    assert await database.read(migrations.check) == "current"
    assert await database.read(migrations.current) == migrations.HEAD
    await database.close()


async def test_events_without_a_person_or_client_cost_no_entry_in_their_indexes(database: Database) -> None:
    def partial(connection: sa.Connection) -> dict[str | None, str]:
        return {
            index["name"]: str(index["dialect_options"].get(f"{connection.dialect.name}_where", ""))
            for index in sa.inspect(connection).get_indexes("events")
        }

    async with database.engine.connect() as connection:
        conditions = await connection.run_sync(partial)
    assert set(conditions) == {"ix_events_user_id_id", "ix_events_client_id_id"}
    assert all("IS NOT NULL" in condition.upper() for condition in conditions.values())


async def test_many_may_migrate_at_once_and_again(empty_database_url: str) -> None:
    await asyncio.gather(*(migrations.upgrade(empty_database_url) for _ in range(3)))
    await migrations.upgrade(empty_database_url)
    database = Database(empty_database_url)
    assert await database.read(migrations.check) == "current"
    await database.close()


async def test_a_version_that_fails_half_way_changes_nothing(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    # In the way of one of the last tables of 0001.
    await database.transaction(lambda session: session.execute(sa.text("CREATE TABLE leases (a INTEGER)")))
    with pytest.raises(sa.exc.DBAPIError, match="leases"):
        await migrations.upgrade(empty_database_url)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()) == ["leases"]
    assert await database.read(migrations.check) == "empty"
    await database.close()


@pytest.mark.parametrize(("version", "state"), [("0001", "behind"), ("9999", "ahead")])
async def test_another_programs_version_is_told_apart(database: Database, version: str, state: str) -> None:
    def put(session: Session) -> None:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    await database.transaction(put)
    assert await database.read(migrations.check) == state


ADDED = ("ALTER TABLE clients ADD COLUMN motto TEXT", "CREATE TABLE mottos (id INTEGER PRIMARY KEY)")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        (ADDED, "ahead"),
        (("ALTER TABLE clients ADD COLUMN motto TEXT NOT NULL DEFAULT ''",), "ahead"),
        (("ALTER TABLE clients DROP COLUMN homepage",), "apart"),
        (("ALTER TABLE clients RENAME COLUMN homepage TO motto",), "apart"),
        (("DROP TABLE denials",), "apart"),
        (("DROP TABLE denials", "CREATE TABLE denials (kind TEXT, a INTEGER NOT NULL)"), "apart"),
    ],
)
async def test_a_newer_database_is_left_alone_and_serves_if_it_has_only_grown(
    database: Database, database_url: str, changes: tuple[str, ...], state: str
) -> None:
    def newer(session: Session) -> None:
        for each in (*changes, "UPDATE alembic_version SET version_num = '9999'"):
            session.execute(sa.text(each))

    await database.transaction(newer)
    assert await database.read(migrations.check) == state
    refused = pytest.raises(migrations.AheadError, match="newer version")
    with contextlib.nullcontext() if state == "ahead" else refused:
        await migrations.upgrade(database_url)
    assert await database.read(migrations.current) == "9999"


async def test_a_migration_waits_for_a_table_without_keeping_others_from_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup, say, has the table for minutes: who waits for it has everyone wait that comes later."""
    if database.engine.dialect.name == "sqlite":
        return  # readers and a writer don't wait for each other
    tried = asyncio.Event()

    def alter(connection: sa.Connection) -> None:
        tried.set()
        connection.execute(sa.text(ADDED[0]))

    monkeypatch.setattr(upgrading, "_upgrade", alter)
    async with database.engine.connect() as backup:
        await backup.execute(sa.text("SELECT count(*) FROM clients"))
        migrating = asyncio.create_task(
            migrations.upgrade(database.engine.url.render_as_string(hide_password=False))
        )
        await tried.wait()
        for _ in range(3):  # each within what a command may take
            await database.read(lambda session: session.execute(sa.text("SELECT count(*) FROM clients")))
        assert not migrating.done()
    await migrating
    await database.read(lambda session: session.execute(sa.text("SELECT motto FROM clients")))


async def test_a_database_that_is_away_is_unavailable() -> None:
    with pytest.raises(bridge.UnavailableError):
        await migrations.upgrade("postgresql://nobody@127.0.0.1:1/nothing")


def test_versions_are_a_line_that_ends_at_the_head() -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(upgrading.config())
    assert [revision.revision for revision in script.walk_revisions()] == [*reversed(migrations.VERSIONS)]
    assert script.get_heads() == [migrations.HEAD]
    assert all(path.name[:4].isdigit() for path in (Path(script.dir) / "versions").glob("*.py"))

"""Servers that are told to stop and started again one by one, in a newer version and back, while everybody goes on."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

import authserver
import keys
import resource_api
from tests.support import processes

from . import load, promises
from .stage import LONG, Service, Stage

PACKAGES = {"authserver": (authserver, "clients"), "gallery": (resource_api, "images")}
NEXT = '''"""What a release may bring while the one before still runs."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("{table}", sa.Column("motto", sa.Text))
    op.create_table("mottos", sa.Column("id", sa.Integer, primary_key=True))
'''


def folder_of(package: object) -> Path:
    return Path(str(getattr(package, "__file__"))).parent  # noqa: B009  mypy knows no file of an object


def next_version(folder: Path) -> Path:
    """Our packages with one more version of each database, where Python finds them first."""
    shutil.copytree(folder_of(keys), folder / "keys")
    for package, table in PACKAGES.values():
        here = folder / folder_of(package).name
        shutil.copytree(folder_of(package), here)
        versions = here / "migrations" / "versions"
        newest = max(path.name[:4] for path in versions.glob("[0-9]*.py"))
        (versions / "9999_next.py").write_text(NEXT.format(before=newest, table=table))
        shape = here / "migrations" / "__init__.py"
        shape.write_text(shape.read_text().replace(f'HEAD = "{newest}"', 'HEAD = "9999"'))
    return folder


def run_from(service: Service, folder: Path | None) -> None:
    """From its next start on, the service is the version in the folder."""
    settings = dict(service.settings)
    settings.pop("PYTHONPATH", None)
    service.settings = settings if folder is None else {**settings, "PYTHONPATH": str(folder)}


def shape_of(service: Service) -> str:
    checks = httpx2.get(f"{service.url}/readyz?verbose", trust_env=False, timeout=30).json()["checks"]
    return str(checks.get("schema", checks["database"]))


def forget(stage: Stage) -> None:
    """The databases as they were."""
    for database, (package, table) in PACKAGES.items():
        newest = max(path.name[:4] for path in folder_of(package).glob("migrations/versions/[0-9]*.py"))
        stage.postgres.query(database, "DROP TABLE IF EXISTS mottos")
        stage.postgres.query(database, f"ALTER TABLE {table} DROP COLUMN IF EXISTS motto")
        stage.postgres.query(database, f"UPDATE alembic_version SET version_num = '{newest}'")  # noqa: S608  ours


def migrate(stage: Stage, folder: Path) -> None:
    """Both databases, by the commands of the version in the folder."""

    def run(service: Service) -> None:
        given = {**service.settings, "PYTHONPATH": str(folder)}
        done = processes.run([service.command[0], "migrate"], given, service.folder)
        assert (done.returncode, "to 9999" in done.stderr) == (0, True), done.stderr

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, (stage.first, stage.gallery)))


def replace(service: Service, folder: Path | None) -> None:
    run_from(service, folder)
    assert service.stop() == 0
    service.start()
    service.wait_until_ready()


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_row_157_an_upgrade_that_migrates_cuts_nobody_off_and_can_be_taken_back(
    stage: Stage, tmp_path: Path
) -> None:
    stage.wait_until_ready()
    newer = next_version(tmp_path / "newer")
    try:
        with load.running(stage) as history:
            migrate(stage, newer)
            before = history.done.total()
            for service in stage.services:
                assert service.ready, "of the version before, on the next one's database"
            assert "9999" in shape_of(stage.first)
            for service in stage.services:
                replace(service, newer)
                assert shape_of(service) == "ok"
            assert history.done.total() > before
            for service in stage.services if LONG else ():
                replace(service, None)
            time.sleep(0.3)
        assert (history.cut, history.refused) == ([], [])
        assert not {"code", "refresh", "upload", "generate", "list"} - history.done.keys()
        promises.check(stage, history)
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda service: replace(service, None), stage.services))
        on_the_next = shape_of(stage.first)
        forget(stage)
    assert "9999" in on_the_next, "the version before starts again, should the next one disappoint"
    stage.wait_until_ready()

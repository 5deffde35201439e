"""No room on a disk, no file descriptor: what can't be done is refused, nothing is half there, all heals by itself.

The services go on running while their file size limit is lowered to nothing and lifted again. To them that is a disk
that takes not a byte: for the database, the pictures, the log and the temporary folder at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from authserver import migrations as authserver_migrations
from resource_api import migrations as gallery_migrations
from tests.support import processes

from . import stage as stages
from .house import House
from .measuring import wait_for
from .postgres import Postgres
from .stage import LONG, Service, Stage

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="module")
def house(folder: Path) -> Iterator[House]:
    """Each service on a SQLite file, and with all that it writes in one folder."""
    url = f"sqlite:///{folder}/authserver.db"
    app, _ = asyncio.run(stages.register(url))
    port = processes.free_port()
    given = stages.authserver_settings(url, f"http://localhost:{port}")
    first = stages.authorization_server(folder, given, port)
    gallery_url = f"sqlite:///{folder}/gallery.db"
    asyncio.run(gallery_migrations.upgrade(gallery_url))
    gallery = stages.gallery_server(folder, gallery_url, first.url, folder / "files")
    with stages.started(first, gallery):
        yield House(first, gallery, app)


@contextlib.contextmanager
def limited(house: House, what: int, soft: int) -> Iterator[None]:
    """Both services under this limit, from now on and until the end."""
    before = {each.pid: resource.prlimit(each.pid, what) for each in house.services}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, what, (soft, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, what, limits)


def test_row_155_a_full_disk_stops_writing_alone_and_costs_nothing(house: House, folder: Path) -> None:
    house.tokens = house.redeem(house.code()).json()
    kept = house.upload().json()["id"]
    code, before = house.code(), house.credits()
    with limited(house, resource.RLIMIT_FSIZE, 0):
        # What reads goes on, and tokens are judged.
        assert house.images() == {kept}
        assert house.call("GET", f"/images/{kept}/content").status_code == 200
        assert house.ask("introspect", token=house.tokens["access_token"]).json()["active"]
        for service in house.services:
            assert service.ready
        assert httpx2.get(f"{house.gallery.url}/images", trust_env=False).status_code == 401
        # What writes says that it can't.
        writes: dict[Callable[[], httpx2.Response], int] = {
            lambda: house.redeem(code): 503,
            house.refresh: 503,
            lambda: house.ask("revoke", token=house.tokens["refresh_token"]): 503,
            lambda: house.call("POST", "/galleries", json={"title": "Harbours"}): 503,
            lambda: house.call("PATCH", f"/images/{kept}", json={"title": "x"}): 503,
            house.upload: 507,
            lambda: house.upload(bytes(2_000_000)): 507,
            house.generate: 507,
        }
        for write, status in writes.items():
            answer = write()
            assert answer.status_code == status, answer.text
            assert status == 507 or int(answer.headers["retry-after"]) > 0
        assert house.credits() == before
    # The same things again, of the same processes: none of it had happened, and now all of it does.
    assert house.redeem(code).status_code == 200
    house.tokens = house.refresh().json()
    assert house.images() == {kept}
    added = {house.upload().json()["id"], house.upload(bytes(2_000_000)).json()["id"]}
    drawn = house.generate().json()["id"]
    assert house.credits() < before
    assert house.images() == {kept, drawn, *added}
    for image in (kept, drawn, *added):
        assert house.call("GET", f"/images/{image}/content").status_code == 200
    assert house.ask("revoke", token=house.tokens["refresh_token"]).status_code == 200
    assert house.refresh().status_code == 400
    assert not list((folder / "files").rglob(".unfinished-*"))
    for name in ("authserver", "gallery"):
        with contextlib.closing(sqlite3.connect(folder / f"{name}.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def answers(service: Service) -> bool:
    return service.ready


def test_row_155_whoever_has_no_file_descriptors_left_says_so_and_heals(house: House) -> None:
    house.tokens = house.redeem(house.code()).json()
    before = house.images()
    with limited(house, resource.RLIMIT_NOFILE, 64):
        for service in house.services:
            with contextlib.ExitStack() as idle:
                for _ in range(100):  # more than can be accepted
                    connection = socket.create_connection(
                        ("localhost", int(service.url.rpartition(":")[2])), timeout=30
                    )
                    idle.enter_context(connection)
                with contextlib.suppress(httpx2.TransportError):
                    answer = httpx2.get(f"{service.url}/livez", trust_env=False, timeout=2)
                    assert answer.status_code in (200, 503)
            wait_for(functools.partial(answers, service))
        assert house.images() == before
        assert [house.upload().status_code for _ in range(3)] == [201] * 3
        house.tokens = house.refresh().json()
        assert house.redeem(house.code()).status_code == 200
    for service in house.services:
        assert "Traceback" not in service.output()


@contextlib.contextmanager
def small_disk(folder: Path, owner: str) -> Iterator[Path]:
    """A disk of 48 MB of which a file takes what else would be free; root may mount one."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=True)
    try:
        shutil.chown(folder, owner)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free)
    yield
    filler.unlink()


def until_refused(what: Callable[[], httpx2.Response], most: int) -> httpx2.Response:
    """The first answer that is no success."""
    for _ in range(most):
        answer = what()
        if answer.status_code >= 400:
            return answer
    raise AssertionError(f"{most} times it went well")


@contextlib.contextmanager
def on_small_disk(postgres: Postgres, disk: Path) -> Iterator[tuple[str, str]]:
    """The addresses of two migrated databases whose tables lie there, while it is there."""
    names = ("small_authserver", "small_gallery")
    postgres.query("postgres", f"CREATE TABLESPACE small LOCATION '{disk}'")
    for name in names:
        postgres.query("postgres", f"CREATE DATABASE {name} TABLESPACE small")
    urls = postgres.named(names[0]), postgres.named(names[1])
    asyncio.run(authserver_migrations.upgrade(urls[0]))
    asyncio.run(gallery_migrations.upgrade(urls[1]))
    try:
        yield urls
    finally:
        for name in names:
            postgres.query("postgres", f"DROP DATABASE {name} WITH (FORCE)")
        postgres.query("postgres", "DROP TABLESPACE small")
        # Killed later, it would make the tablespace once more before it dropped it, and the disk is gone by then.
        postgres.query("postgres", "CHECKPOINT")


if LONG:  # it needs the right to mount

    def test_row_155_a_full_disk_under_postgresql_stops_writing_alone(
        stage: Stage, short_folder: Path
    ) -> None:
        with (
            small_disk(short_folder / "small", stage.postgres.postmaster.username()) as disk,
            on_small_disk(stage.postgres, disk) as urls,
        ):
            app, _ = asyncio.run(stages.register(urls[0]))
            port = processes.free_port()
            given = stages.authserver_settings(urls[0], f"http://localhost:{port}")
            first = stages.authorization_server(short_folder, given, port)
            gallery = stages.gallery_server(short_folder, urls[1], first.url, short_folder / "small-files")
            with stages.started(first, gallery):
                house = House(first, gallery, app)
                house.tokens = house.redeem(house.code()).json()
                kept = house.upload().json()["id"]
                with filled(disk):
                    for refused in (
                        until_refused(
                            lambda: house.call("POST", "/galleries", json={"title": "x" * 200}), 2000
                        ),
                        until_refused(house.begin, 2000),
                    ):
                        assert refused.status_code == 503, refused.text
                        assert int(refused.headers["retry-after"]) > 0
                    assert house.images() == {kept}
                    assert house.ask("introspect", token=house.tokens["access_token"]).json()["active"]
                house.tokens = house.refresh().json()
                assert house.upload().status_code == 201
                assert house.call("POST", "/galleries", json={"title": "x"}).status_code == 201
                assert house.redeem(house.code()).status_code == 200

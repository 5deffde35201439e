"""A disk without room: what writes is refused, what reads goes on, nothing is half there, and all heals by itself.

The services go on running while their file size limit is lowered to nothing and lifted again. To them that is a disk
that takes not a byte: for the database, the pictures, the log and the temporary folder at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import resource
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from resource_api import migrations as gallery_migrations
from tests.authserver.protocol.flows import CB, VERIFIER, App, Browser, World
from tests.support import processes

from . import load
from . import stage as stages
from .stage import PEOPLE, SCOPES, Service, wait_for

pytestmark = [pytest.mark.processes, pytest.mark.slow]

ANA = PEOPLE[0]


@dataclass
class House:
    """One authorization server and one gallery, each on a SQLite file and with all it writes in one folder."""

    folder: Path
    authserver: Service
    gallery: Service
    app: App
    tokens: dict[str, Any]
    """What Ana's app holds; it keeps them up to date."""

    @property
    def services(self) -> tuple[Service, Service]:
        return self.authserver, self.gallery

    def code(self) -> str:
        async def allow() -> str:
            async with httpx2.AsyncClient(base_url=self.authserver.url, trust_env=False, timeout=30) as http:
                browser = Browser(World(SimpleNamespace(client=http)))
                assert (await browser.sign_in(ANA)).status_code == 303
                return (await browser.allow(self.app, scope=" ".join(SCOPES)))["code"]

        return asyncio.run(allow())

    def redeem(self, code: str) -> httpx2.Response:
        return self.ask(
            "token", grant_type="authorization_code", code=code, redirect_uri=CB, code_verifier=VERIFIER
        )

    def refresh(self) -> httpx2.Response:
        return self.ask("token", grant_type="refresh_token", refresh_token=self.tokens["refresh_token"])

    def ask(self, endpoint: str, **form: str) -> httpx2.Response:
        url = f"{self.authserver.url}/oauth/{endpoint}"
        return httpx2.post(url, data=form, **self.app.credentials(), trust_env=False, timeout=30)

    def call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        url = f"{self.gallery.url}{path}"
        return httpx2.request(method, url, headers=headers, trust_env=False, timeout=60, **request)

    def upload(self, rest: bytes = b"") -> httpx2.Response:
        return self.call("POST", "/uploads", files={"file": ("x.png", load.picture() + rest, "image/png")})

    def generate(self) -> httpx2.Response:
        return self.call("POST", "/images", json={"prompt": "a pier", "seed": 1})

    def credits(self) -> int:
        found: int = self.call("GET", "/credits").json()["credits"]
        return found

    def images(self) -> set[str]:
        return {each["id"] for each in self.call("GET", "/images").json()["items"]}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    url = f"sqlite:///{tmp_path}/authserver.db"
    app, _ = asyncio.run(stages.register(url))
    port = processes.free_port()
    given = stages.authserver_settings(url, f"http://localhost:{port}")
    first = stages.authorization_server(tmp_path, given, port)
    gallery_url = f"sqlite:///{tmp_path}/gallery.db"
    asyncio.run(gallery_migrations.upgrade(gallery_url))
    gallery = stages.gallery_server(tmp_path, gallery_url, first.url, tmp_path / "files")
    with stages.started(first, gallery):
        made = House(tmp_path, first, gallery, app, {})
        made.tokens = made.redeem(made.code()).json()
        yield made


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


def test_row_155_a_full_disk_stops_writing_alone_and_costs_nothing(house: House) -> None:
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
    assert not list((house.folder / "files").rglob(".unfinished-*"))
    for name in ("authserver", "gallery"):
        with contextlib.closing(sqlite3.connect(house.folder / f"{name}.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def answers(service: Service) -> bool:
    return service.ready


def test_row_155_whoever_has_no_file_descriptors_left_says_so_and_heals(house: House) -> None:
    kept = house.upload().json()["id"]
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
        assert house.images() == {kept}
        assert [house.upload().status_code for _ in range(3)] == [201] * 3
        house.tokens = house.refresh().json()
        assert house.redeem(house.code()).status_code == 200
    for service in house.services:
        assert "Traceback" not in service.output()

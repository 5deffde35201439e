"""Everything is lost and comes back, by the very commands of docs/operations.md."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from PIL import Image

from authserver import apis, database
from authserver.oauth import clients
from tests.authserver.protocol.flows import CB, PASSWORD, App, Browser, World
from tests.support import authserver as inside
from tests.support import databases, gallery, processes, servers

from . import compose

pytestmark = pytest.mark.processes

ANA = "ana@example.test"
SCOPE = "images:read images:write"
PAGE = (compose.ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def script(heading: str, kind: str) -> str:
    """The commands below a heading of the page: first those for PostgreSQL, then those for SQLite."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    postgresql, sqlite = blocks
    return postgresql if kind == "postgresql" else sqlite


@dataclass
class Place:
    """A machine: what lies where, and both services on ports that stay the same."""

    root: Path
    kind: str
    ports: tuple[int, int]
    databases: tuple[str, str]

    @property
    def state(self) -> Path:
        return self.root / "var" / "lib"

    @property
    def secret_key(self) -> Path:
        return self.state / "authserver" / "authserver.secret-key"

    @property
    def settings(self) -> dict[str, str]:
        issuer, resource = (f"http://localhost:{port}" for port in self.ports)
        return {
            "AUTHSERVER_ISSUER": issuer,
            "AUTHSERVER_PORT": str(self.ports[0]),
            "AUTHSERVER_DATABASE_URL": self.databases[0],
            "AUTHSERVER_SECRET_KEY_FILE": str(self.secret_key),
            "AUTHSERVER_PASSWORD_MEMORY_KIB": "8",
            "AUTHSERVER_PASSWORD_PASSES": "1",
            "RESOURCE_API_ISSUER": issuer,
            "RESOURCE_API_RESOURCE": resource,
            "RESOURCE_API_PORT": str(self.ports[1]),
            "RESOURCE_API_DATABASE_URL": self.databases[1],
            "RESOURCE_API_FILES": str(self.state / "resource-api" / "files"),
        }

    def do(self, commands: str) -> None:
        """What an operator types, on this machine."""
        for folder in ("/backup", "/var/lib"):
            commands = commands.replace(folder, f"{self.root}{folder}")
        tools = [Path(processes.command("authserver")).parent, Path(servers.program("psql")).parent]
        path = os.pathsep.join([*map(str, tools), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-eu", "-c", commands],
            env={**processes.environment(self.settings), "PATH": path},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        issuer, resource = self.settings["AUTHSERVER_ISSUER"], self.settings["RESOURCE_API_RESOURCE"]
        with (
            processes.started(["authserver", "serve"], self.settings, self.root, issuer),
            processes.started(["resource-api", "serve"], self.settings, self.root, resource),
        ):
            yield


@contextlib.asynccontextmanager
async def databases_of(kind: str, root: Path, *, empty: bool = False) -> AsyncIterator[tuple[str, str]]:
    """The addresses of both databases: new ones, which go with the block."""
    if kind == "sqlite":
        state = root / "var" / "lib"
        yield f"sqlite:///{state}/authserver/authserver.db", f"sqlite:///{state}/resource-api/gallery.db"
        shutil.rmtree(root / "var")
        return
    builds = [("empty", _nothing)] * 2 if empty else BUILDS
    async with contextlib.AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(databases.fresh(kind, name, build, root))
            for name, build in builds
        ]
        yield one, other


async def _nothing(_url: str) -> None:
    pass


BUILDS: list[tuple[str, databases.Build]] = [
    ("authserver", inside.build),
    ("resource_api", gallery.migrate),
]


async def register(place: Place) -> App:
    """The gallery, its scopes, and an app that Ana will use."""

    def work(session: Any) -> clients.Created:
        now, resource = time.time(), place.settings["RESOURCE_API_RESOURCE"]
        apis.create(session, resource, "Gallery", now)
        for name in SCOPE.split():
            apis.add_scope(session, resource, name, f"do {name}", f"faire {name}", now)
        return clients.create(
            session,
            now=now,
            name="Photo print",
            auth_method="client_secret_basic",
            scopes=SCOPE.split(),
            redirect_uris=[CB],
        )

    store = database.Database(place.databases[0], pool_size=1)
    made = await store.transaction(work)
    await store.close()
    return App(made.client.client_id, made.secret, "client_secret_basic")


@contextlib.asynccontextmanager
async def worlds(place: Place) -> AsyncIterator[tuple[World, httpx2.AsyncClient]]:
    """Both services, as people and apps reach them."""
    with place.serving():
        async with (
            httpx2.AsyncClient(base_url=place.settings["AUTHSERVER_ISSUER"], trust_env=False) as first,
            httpx2.AsyncClient(base_url=place.settings["RESOURCE_API_RESOURCE"], trust_env=False) as second,
        ):
            yield World(SimpleNamespace(client=first)), second


async def tokens(world: World, browser: Browser, app: App) -> dict[str, Any]:
    answer = await world.redeem(app, (await browser.allow(app, scope=SCOPE))["code"])
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def content(client: httpx2.AsyncClient, image: str, token: str) -> bytes:
    answer = await client.get(f"{image}/content", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.content


async def kids(world: World) -> list[str]:
    return sorted(key["kid"] for key in (await world.client.get("/.well-known/jwks.json")).json()["keys"])


@pytest.mark.parametrize("kind", databases.KINDS)
async def test_everything_comes_back_from_the_backup(kind: str, tmp_path: Path) -> None:
    ports = processes.free_port(), processes.free_port()
    (tmp_path / "backup").mkdir()
    async with databases_of(kind, tmp_path) as urls:
        place = Place(tmp_path, kind, ports, urls)
        place.secret_key.parent.mkdir(parents=True)
        place.secret_key.write_text(inside.SECRET_KEY)
        async with worlds(place) as (world, api):
            app, ana = await register(place), world.browser()
            joined = await ana.send(
                "POST", "/register", data={"email": ANA, "name": "A", "password": PASSWORD}
            )
            assert joined.status_code == 303, joined.text
            held = await tokens(world, ana, app)
            picture = io.BytesIO()
            Image.new("RGB", (40, 30), "teal").save(picture, "PNG")
            bearer = {"Authorization": f"Bearer {held['access_token']}"}
            answer = await api.post("/uploads", headers=bearer, files={"file": ("t.png", picture.getvalue())})
            assert answer.status_code == 201, answer.text
            image = answer.headers["location"]
            before, published = await content(api, image, held["access_token"]), await kids(world)

            copying = asyncio.create_task(asyncio.to_thread(place.do, script("Back up", kind)))
            latest = held["refresh_token"]
            while not copying.done():  # it serves all the while
                refreshed = await world.refresh(app, latest)
                assert refreshed.status_code == 200, refreshed.text
                latest = refreshed.json()["refresh_token"]
                await asyncio.sleep(0.2)
            await copying

    async with databases_of(kind, tmp_path, empty=True) as urls:
        place = Place(tmp_path, kind, ports, urls)
        shutil.rmtree(place.state, ignore_errors=True)
        place.secret_key.parent.mkdir(parents=True)
        place.secret_key.write_text(inside.SECRET_KEY)
        place.do(script("Restore", kind))
        async with worlds(place) as (world, api):
            assert await kids(world) == published
            # A token from before: its signature is good, and whoever asks hears that it has ended.
            assert await content(api, image, held["access_token"]) == before
            asked = await world.post("/oauth/introspect", app, token=held["access_token"])
            assert asked.json() == {"active": False}
            for token in (held["refresh_token"], latest):
                assert (await world.refresh(app, token)).status_code == 400
            ana.world = world
            assert 'data-test="signed-in"' not in (await ana.get("/")).text
            # The same password, and the consent is remembered: no page but the form.
            back = world.browser()
            assert (await back.sign_in(ANA)).status_code == 303
            assert (await back.authorize(app, scope=SCOPE)).headers["location"].startswith(f"{CB}?code=")
            fresh = await tokens(world, back, app)
            assert await content(api, image, fresh["access_token"]) == before


def test_there_is_nothing_to_copy_on_postgresql_or_over_an_older_backup(tmp_path: Path) -> None:
    for program, prefix in (("authserver", "AUTHSERVER_"), ("resource-api", "RESOURCE_API_")):
        elsewhere = {f"{prefix}DATABASE_URL": "postgresql://nowhere/x"}
        assert "pg_dump" in _refused(7, program, tmp_path / "x", elsewhere, tmp_path)
        settings = {f"{prefix}DATABASE_URL": f"sqlite:///{tmp_path / program}.db"}
        assert "no database" in _refused(6, program, tmp_path / "x", settings, tmp_path)
        (tmp_path / f"{program}.db").write_bytes(b"")
        (tmp_path / "older").write_text("kept")
        assert "already" in _refused(5, program, tmp_path / "older", settings, tmp_path)
        assert (tmp_path / "older").read_text() == "kept"


def _refused(code: int, program: str, target: Path, settings: dict[str, str], folder: Path) -> str:
    done = processes.run([program, "backup", str(target)], settings, folder)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    return done.stderr

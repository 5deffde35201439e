"""Both services as their units start them; everything is lost, and comes back by the commands of docs/operations.md."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dotenv
import httpx2
import pytest
from PIL import Image

from authserver import apis, database, migrations
from authserver.oauth import clients
from tests.authserver.protocol.flows import CB, PASSWORD, App, Browser, World
from tests.support import authserver as inside
from tests.support import databases, processes, servers

from . import compose, units

pytestmark = [pytest.mark.processes, pytest.mark.slow]

ANA = "ana@example.test"
SCOPE = "images:read images:write"
PAGE = (compose.ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def script(heading: str, kind: str) -> str:
    """The commands below a heading of the page: first those for PostgreSQL, then for SQLite, then in containers."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(blocks[0] if kind == "postgresql" else blocks[1])


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
        if self.kind == "postgresql":
            return self.root / "etc" / "authserver" / "secret-key"
        return self.state / "authserver" / "authserver.secret-key"

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.ports[0]}"

    @property
    def resource(self) -> str:
        return f"http://localhost:{self.ports[1]}"

    def install(self) -> list[units.Unit]:
        """Settings for both services, and the units that are made of them."""
        key = {"SECRET_KEY_FILE": str(self.secret_key)} if self.kind == "postgresql" else {}
        settings = {
            "authserver": {
                "ISSUER": self.issuer,
                "PORT": str(self.ports[0]),
                "DATABASE_URL": self.databases[0],
                "PASSWORD_MEMORY_KIB": "8",
                "PASSWORD_PASSES": "1",
                **key,
            },
            "resource-api": {
                "ISSUER": self.issuer,
                "RESOURCE": self.resource,
                "PORT": str(self.ports[1]),
                "DATABASE_URL": self.databases[1],
                "FILES": str(self.state / "resource-api" / "files"),
            },
        }
        made = []
        for program, its in settings.items():
            folder = self.root / "etc" / program
            folder.mkdir(parents=True, exist_ok=True)
            made.append(units.printed(program, folder, its))
        return made

    def do(self, commands: str) -> None:
        """What an operator types on this machine, where both services' settings are known."""
        for folder in ("/backup", "/var/lib"):
            commands = commands.replace(folder, f"{self.root}{folder}")
        files = [self.root / "etc" / program / ".env" for program in units.PROGRAMS]
        settings = {name: text or "" for file in files for name, text in dotenv.dotenv_values(file).items()}
        tools = [Path(processes.command("authserver")).parent, Path(servers.program("psql")).parent]
        path = os.pathsep.join([*map(str, tools), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-eu", "-c", commands],
            env={**processes.environment(settings), "PATH": path},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Both services, by the lines of their units; they end well."""
        with contextlib.ExitStack() as stack:
            for unit, url in zip(self.install(), (self.issuer, self.resource), strict=True):
                handed = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.root)))
                command, settings = units.prepare(unit, handed), units.environment(unit)
                program = stack.enter_context(processes.started(command, settings, self.root, url))
                stack.callback(_end, program)
            yield


def _end(program: processes.Program) -> None:
    assert program.stop() == 0, program.output()


@contextlib.asynccontextmanager
async def databases_of(kind: str, root: Path) -> AsyncIterator[tuple[str, str]]:
    """The addresses of both databases, with nothing in them; on PostgreSQL they go with the block."""
    if kind == "sqlite":
        state = root / "var" / "lib"
        yield f"sqlite:///{state}/authserver/authserver.db", f"sqlite:///{state}/resource-api/gallery.db"
        return
    async with databases.empty(kind, root) as one, databases.empty(kind, root) as other:
        yield one, other


async def register(place: Place) -> App:
    """The gallery, its scopes, and an app that Ana will use; they are there before anybody serves."""

    def work(session: Any) -> clients.Created:
        now, resource = time.time(), place.resource
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

    await migrations.upgrade(place.databases[0])
    store = database.Database(place.databases[0], pool_size=1)
    made = await store.transaction(work)
    await store.close()
    return App(made.client.client_id, made.secret, "client_secret_basic")


@contextlib.asynccontextmanager
async def worlds(place: Place) -> AsyncIterator[tuple[World, httpx2.AsyncClient]]:
    """Both services, as people and apps reach them."""
    with place.serving():
        async with (
            httpx2.AsyncClient(base_url=place.issuer, trust_env=False) as first,
            httpx2.AsyncClient(base_url=place.resource, trust_env=False) as second,
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


@dataclass
class Held:
    """What people and apps held before everything was lost."""

    app: App
    ana: Browser
    access_token: str
    refresh_tokens: list[str]
    image: str
    picture: bytes
    kids: list[str]


async def begin(world: World, api: httpx2.AsyncClient, app: App) -> Held:
    """Ana registers, allows the app what it asks, and it uploads an image for her."""
    ana = world.browser()
    joined = await ana.send("POST", "/register", data={"email": ANA, "name": "A", "password": PASSWORD})
    assert joined.status_code == 303, joined.text
    got = await tokens(world, ana, app)
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "PNG")
    bearer = {"Authorization": f"Bearer {got['access_token']}"}
    answer = await api.post("/uploads", headers=bearer, files={"file": ("t.png", file.getvalue())})
    assert answer.status_code == 201, answer.text
    image = answer.headers["location"]
    picture = await content(api, image, got["access_token"])
    return Held(app, ana, got["access_token"], [got["refresh_token"]], image, picture, await kids(world))


async def refresh_until(done: asyncio.Task[None], world: World, held: Held) -> None:
    """Work that goes on while something else is done."""
    while not done.done():
        answer = await world.refresh(held.app, held.refresh_tokens[-1])
        assert answer.status_code == 200, answer.text
        held.refresh_tokens.append(answer.json()["refresh_token"])
        await asyncio.sleep(0.2)
    await done


async def is_back(world: World, api: httpx2.AsyncClient, held: Held) -> None:
    """All that was there is there, and nothing can be used twice."""
    assert await kids(world) == held.kids
    # An access token from before: its signature is good, and whoever asks hears that it has ended.
    assert await content(api, held.image, held.access_token) == held.picture
    asked = await world.post("/oauth/introspect", held.app, token=held.access_token)
    assert asked.json() == {"active": False}
    for token in held.refresh_tokens:
        assert (await world.refresh(held.app, token)).status_code == 400
    held.ana.world = world
    assert 'data-test="signed-in"' not in (await held.ana.get("/")).text
    # The same password, and the consent is remembered: no page but the form.
    back = world.browser()
    assert (await back.sign_in(ANA)).status_code == 303
    assert (await back.authorize(held.app, scope=SCOPE)).headers["location"].startswith(f"{CB}?code=")
    fresh = await tokens(world, back, held.app)
    assert await content(api, held.image, fresh["access_token"]) == held.picture


@pytest.mark.timeout(300)  # it starts four programs, perhaps while others keep the machine busy
@pytest.mark.parametrize("kind", databases.KINDS)
async def test_everything_comes_back_from_the_backup(kind: str, tmp_path: Path) -> None:
    ports = processes.free_port(), processes.free_port()
    (tmp_path / "backup").mkdir()
    async with databases_of(kind, tmp_path) as urls:
        place = Place(tmp_path, kind, ports, urls)
        place.state.mkdir(parents=True)
        if kind == "postgresql":
            place.secret_key.parent.mkdir(parents=True)
            place.secret_key.write_text(inside.SECRET_KEY)
        app = await register(place)
        async with worlds(place) as (world, api):
            held = await begin(world, api, app)
            copying = asyncio.create_task(asyncio.to_thread(place.do, script("Back up", kind)))
            await refresh_until(copying, world, held)
            secret_key = place.secret_key.read_text()

    shutil.rmtree(tmp_path / "etc")
    shutil.rmtree(tmp_path / "var")
    async with databases_of(kind, tmp_path) as urls:
        place = Place(tmp_path, kind, ports, urls)
        place.secret_key.parent.mkdir(parents=True)
        place.secret_key.write_text(secret_key)
        place.install()
        place.do(script("Restore", kind))
        async with worlds(place) as (world, api):
            await is_back(world, api, held)

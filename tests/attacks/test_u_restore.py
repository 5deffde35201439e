"""Group U, restore: a database from ten seconds ago must not let anything be used twice."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from authserver import audit, cache, database
from authserver.oauth import restored
from tests.authserver.protocol.flows import RESOURCE, SCOPES, App, Browser, World
from tests.support import authserver as support
from tests.support import databases, servers
from tests.support.clock import ManualClock

ANA = "ana@example.test"


@dataclass
class Life:
    """What people and apps held when the backup was made, and what they did with it afterwards."""

    app: App
    machine: App
    signed_out: Browser
    waiting: Browser
    page: str
    code: str
    rotated: str
    access_token: str
    machines_token: str
    since: dict[str, Any]
    kids: set[str]


async def kids(world: World) -> set[str]:
    return {key["kid"] for key in (await world.client.get("/.well-known/jwks.json")).json()["keys"]}


@pytest.fixture
async def life(world: World, database_url: str, clock: ManualClock, tmp_path: Path) -> Life:
    """A backup in the middle of everything; what was valid then is used up before it comes back."""
    await world.add_person()
    app = await world.add_app(introspects=[RESOURCE])
    machine = await world.add_machine()
    before = await world.tokens(app)
    bearer = (await world.token(machine, grant_type="client_credentials")).json()["access_token"]
    out, waiting = world.browser(), world.browser()
    await out.sign_in(ANA)
    await waiting.sign_in(ANA)
    page = (await waiting.authorize(app, scope="gallery:read")).headers["location"]
    code = await world.code(app)
    clock.advance(1)
    _run("pg_dump", "--format=custom", f"--file={tmp_path / 'backup'}", database_url)

    clock.advance(5)
    assert (await world.redeem(app, code)).status_code == 200
    since = (await world.refresh(app, before["refresh_token"])).json()
    assert (await out.send("POST", "/logout", data={"request": ""})).status_code == 200
    assert (await waiting.decide(page, "deny", [])).status_code == 303
    assert (await world.post("/oauth/revoke", machine, token=bearer)).status_code == 200
    assert await world.introspect(app, bearer) == {"active": False}
    clock.advance(5)
    return Life(
        app,
        machine,
        out,
        waiting,
        page,
        code,
        before["refresh_token"],
        before["access_token"],
        bearer,
        since,
        await kids(world),
    )


@contextlib.asynccontextmanager
async def brought_back(clock: ManualClock, tmp_path: Path, *, told: bool) -> AsyncIterator[World]:
    """A server on the backup, to which somebody said `authserver restored`, or nobody did."""
    async with databases.empty("postgresql", tmp_path) as url:
        _run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", str(tmp_path / "backup"))
        async with support.running(support.configured(url), clock) as server:
            world = World(server)
            if told:
                await world.client.get("/")  # it has read a thing or two by now
                store = database.Database(url, pool_size=1)
                await store.transaction(lambda session: restored.end_everything(session, now=clock()))
                await store.close()
                await server.state.cache.refresh()
            yield world


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([servers.program(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def revived(world: World, life: Life) -> dict[str, bool]:
    """What works again of all that was used up."""
    life.signed_out.world = life.waiting.world = world
    return {
        "code": (await world.redeem(life.app, life.code)).status_code == 200,
        "refresh token": (await world.refresh(life.app, life.rotated)).status_code == 200,
        "session": 'data-test="signed-in"' in (await life.signed_out.get("/")).text,
        "request": (await life.waiting.decide(life.page, "allow", ["gallery:read"])).status_code == 303,
        "access token": (await world.introspect(life.app, life.access_token))["active"],
        "machine's token": (await world.introspect(life.app, life.machines_token))["active"],
    }


async def test_row_158_a_backup_alone_forgets_what_was_used(
    life: Life, clock: ManualClock, tmp_path: Path
) -> None:
    """The control: without the command all of it works again, which is why there is one."""
    async with brought_back(clock, tmp_path, told=False) as world:
        assert set((await revived(world, life)).values()) == {True}


async def test_row_158_what_was_used_since_the_backup_stays_dead(
    life: Life, clock: ManualClock, tmp_path: Path
) -> None:
    async with brought_back(clock, tmp_path, told=True) as world:
        assert set((await revived(world, life)).values()) == {False}
        # What was issued since is unknown, or from before the restore.
        assert (await world.refresh(life.app, life.since["refresh_token"])).status_code == 400
        assert await world.introspect(life.app, life.since["access_token"]) == {"active": False}
        newest = await world.server.state.database.read(lambda session: audit.list_page(session, limit=1))
        assert [event.event for event in newest] == ["restored"]

        # People and apps come back with what they know; the signing keys are those that verifiers know.
        assert await kids(world) == life.kids
        fresh = await world.tokens(life.app, scope=" ".join(SCOPES))
        assert (await world.introspect(life.app, fresh["access_token"]))["active"] is True
        assert (await world.refresh(life.app, fresh["refresh_token"])).status_code == 200
        again = (await world.token(life.machine, grant_type="client_credentials")).json()["access_token"]
        assert (await world.introspect(life.app, again))["active"] is True


async def test_row_158_a_node_that_ran_through_the_restore_forgets_what_it_knew(database_url: str) -> None:
    """It knows a later version than the database it finds, or by chance the same one."""
    store = database.Database(database_url)
    kept = cache.Cache(store)
    await kept.refresh()
    await store.transaction(lambda session: cache.changed(session, "thing", "one"))
    await kept.refresh()
    assert await store.read(lambda session: kept.get(session, "thing", "two", lambda *_: "old")) == "old"
    await store.transaction(cache.all_changed)
    await kept.refresh()
    assert await store.read(lambda session: kept.get(session, "thing", "two", lambda *_: "new")) == "new"
    await store.close()

"""`make bench-growth`: the slowest of a hundred requests on a full database, against an empty one beside it.

Both databases are on one PostgreSQL server, and rounds on the one alternate with rounds on the other. Then the plan of
every statement that the measured requests run is looked at, and the sweep of expired rows runs under load.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx2

from authserver import apis, jobs
from tests.authserver.protocol import flows
from tests.support import gallery as inside_gallery
from tests.support import processes

from . import filling, load, machine, plans, services, stage

ROUNDS = 5
CONNECTIONS = 4
CLIENTS = 200
OWN_IMAGES = 40
OWN_GALLERIES = 5
EXPIRED = 500_000
WRITE = "gallery:write"
SCOPES = (*flows.SCOPES, WRITE)


@dataclass(frozen=True)
class Side:
    """One of the two databases with the services on it."""

    url: str
    pictures: str
    world: flows.World
    server: load.Target
    gallery: load.Target
    web: flows.App
    machines: list[flows.App]
    token: str


@contextlib.asynccontextmanager
async def side(
    folder: Path, store: stage.Database, name: str, size: filling.Size | None
) -> AsyncIterator[Side]:
    """Databases called `name`, filled when there is a size, with services and Ana with her things."""
    url, pictures = await store.create(f"{name}_authserver"), await store.create(f"{name}_gallery")
    await stage.migrate(url)
    await inside_gallery.migrate(pictures)
    port = processes.free_port()
    issuer = f"http://localhost:{port}"
    async with stage.world(url, issuer) as world:
        await world.add_apis()
        await world.add_person(services.EMAIL)
        await world.write(
            lambda session: apis.add_scope(session, flows.RESOURCE, WRITE, "arrange", "ranger", world.now())
        )
        web = await world.add_app(access_token_seconds=3600, scopes=SCOPES)
        machines = [await world.add_machine() for _ in range(CLIENTS)]
        if size is not None:
            await filling.authserver(url, size, web.client_id, say)
            await filling.gallery(pictures, size, say)
        settings = {
            "RESOURCE_API_ISSUER": issuer,
            "RESOURCE_API_RESOURCE": flows.RESOURCE,
            "RESOURCE_API_DATABASE_URL": pictures,
            "RESOURCE_API_FILES": str(folder / f"{name}-files"),
        }
        with (
            stage.serving(folder, store, url, port) as server,
            processes.resource_api(settings, folder) as gallery,
        ):
            token = (await world.tokens(web, services.EMAIL, scope=" ".join(SCOPES)))["access_token"]
            await _fill_hers(gallery.url, token)
            target = load.Target(gallery.url, gallery.process.pid, store.pid)
            yield Side(url, pictures, world, server, target, web, machines, token)


async def rounds(here: Side, folder: Path, seconds: int) -> dict[str, load.Sample]:
    """One round of each measurement."""
    basics = folder / "clients"
    lines = [services.basic(app)["Authorization"] for app in here.machines]
    basics.write_text("\n".join(lines) + "\n", encoding="ascii")
    tokens = folder / "tokens"
    tokens.write_text("\n".join(await stage.families(here.world, here.web, 16)) + "\n", encoding="ascii")
    form = services.FORM
    grant = urlencode({"grant_type": "client_credentials"})
    bearer = {"Authorization": f"Bearer {here.token}"}
    chosen = {"connections": CONNECTIONS, "seconds": seconds}
    return {
        "token": await load.wrk(
            here.server, "clients", [str(basics), grant], path="/oauth/token", headers=form, **chosen
        ),
        "refresh": await _refresh(here, tokens, seconds),
        "list of galleries": await load.wrk(
            here.gallery, "same", ["GET", ""], path="/galleries?limit=20", headers=bearer, **chosen
        ),
        "list of images": await load.wrk(
            here.gallery, "same", ["GET", ""], path="/images?limit=20", headers=bearer, **chosen
        ),
    }


async def _refresh(here: Side, tokens: Path, seconds: int) -> load.Sample:
    return await load.wrk(
        here.server,
        "refresh",
        [str(tokens), str(load.THREADS), ""],
        path="/oauth/token",
        headers={**services.FORM, **services.basic(here.web)},
        connections=CONNECTIONS,
        seconds=seconds,
    )


async def measured(size: filling.Size, seconds: int) -> None:
    """Prints each part of the report as soon as it is there: all of them take a quarter of an hour."""
    samples: dict[str, dict[str, list[load.Sample]]] = defaultdict(lambda: defaultdict(list))
    with stage.folder() as folder, stage.database(folder) as store:
        async with side(folder, store, "empty", None) as empty, side(folder, store, "full", size) as full:
            for number in range(ROUNDS):
                say(f"round {number + 1} of {ROUNDS}")
                for name, here in (("empty", empty), ("full", full)):
                    for what, sample in (await rounds(here, folder, seconds)).items():
                        samples[what][name].append(sample)
            print(_compared(samples), flush=True)
            print(*await plans.authserver(full.world, full.web), sep="\n", flush=True)
            print(*await plans.gallery(full.pictures, folder), sep="\n", flush=True)
            print(await _swept(full, folder, min(EXPIRED, size.grants // 2), seconds), flush=True)


async def _swept(full: Side, folder: Path, count: int, seconds: int) -> str:
    """How the sweep of expired grants goes while people refresh."""
    await filling.expire(full.url, count)
    print(*await plans.sweeps(full.world), sep="\n", flush=True)

    async def refreshing() -> load.Sample:
        tokens = folder / "tokens"
        tokens.write_text("\n".join(await stage.families(full.world, full.web, 16)) + "\n", encoding="ascii")
        return await _refresh(full, tokens, seconds)

    before = await refreshing()
    longest = 0.0
    deleted = 0

    async def sweep() -> None:
        nonlocal longest, deleted
        database, settings = full.world.server.state.database, full.world.server.settings
        one = jobs.sweeps(settings)["refresh_tokens"]
        while True:
            begun = time.perf_counter()
            gone = await database.transaction(lambda session: one(session, full.world.now(), jobs.BATCH))
            longest = max(longest, time.perf_counter() - begun)
            deleted += gone
            if gone < jobs.BATCH:
                return

    task = asyncio.create_task(sweep())
    during = await refreshing()
    await task
    return (
        f"sweep: {deleted:,} expired grants in batches of {jobs.BATCH}, the longest took {longest * 1000:.0f} ms; "
        f"p99 of refresh {before.p99_seconds * 1000:.1f} ms before, {during.p99_seconds * 1000:.1f} ms meanwhile"
    )


def _compared(samples: dict[str, dict[str, list[load.Sample]]]) -> str:
    lines = [f"{'':<20}{'p99 empty':>12}{'p99 full':>12}{'ratio':>8}  aim ≤ 1.2{'p50 ratio':>12}"]
    for what, sides in samples.items():
        ninety_nine = {name: statistics.median(s.p99_seconds for s in each) for name, each in sides.items()}
        half = {name: statistics.median(s.p50_seconds for s in each) for name, each in sides.items()}
        lines.append(
            f"{what:<20}{ninety_nine['empty'] * 1000:>9.2f} ms{ninety_nine['full'] * 1000:>9.2f} ms"
            f"{ninety_nine['full'] / ninety_nine['empty']:>8.2f}{half['full'] / half['empty']:>23.2f}"
        )
    return "\n".join(lines)


async def _fill_hers(url: str, token: str) -> None:
    """Some pictures and galleries of Ana's, over HTTP."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        for _ in range(OWN_IMAGES):
            await services.upload(client)
        for number in range(OWN_GALLERIES):
            (await client.post("/galleries", json={"title": f"Gallery {number}"})).raise_for_status()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--divide", type=int, default=1, help="make the database so many times smaller")
    parser.add_argument("--seconds", type=int, default=4, help="how long each measurement of a round lasts")
    chosen = parser.parse_args()
    machine.needed()
    print(machine.name())
    size = filling.Size().divided(chosen.divide)
    print(f"{size.people:,} people, {size.clients:,} clients, {size.grants:,} grants, {size.images:,} images")
    asyncio.run(measured(size, chosen.seconds))


if __name__ == "__main__":
    main()

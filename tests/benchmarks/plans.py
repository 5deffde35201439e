"""How PostgreSQL finds the rows of each statement that a measured request runs: by an index, or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Session

from authserver import jobs
from keys.signing import SigningKey
from resource_api import auth
from tests.authserver.protocol import flows
from tests.support import gallery as inside_gallery
from tests.support import tokens

from . import services, stage

Statement = tuple[str, Any]
EXPLAINED = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}
LONG = 10_000
"""A table of so many rows should not be looked through by choice."""
# Tables that stay small whatever happens: a look through them is the quickest way.
SMALL = {"apis", "cache_version", "leases", "scopes", "signing_keys", "cache_changes"}


@contextmanager
def recorded(engine: AsyncEngine) -> Iterator[list[Statement]]:
    """The statements run inside on the database of this engine, with what was put in."""
    seen: list[Statement] = []

    def note(on: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if on.engine.url == engine.url:
            seen.append((statement, parameters[0] if many else parameters))

    sa.event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(Engine, "before_cursor_execute", note)


async def authserver(world: flows.World, web: flows.App) -> list[str]:
    """A line for each statement that looks through a table that grows, or one that says there is none."""
    engine = world.server.state.database.engine
    with recorded(engine) as seen:
        await _hot(world, web)
    return await _explained("sign-in, consent, code, token, refresh, introspection, revocation", engine, seen)


async def sweeps(world: flows.World) -> list[str]:
    """The same for the removal of expired rows; there had better be some."""
    database = world.server.state.database

    def one_each(session: Session) -> None:
        for sweep in jobs.sweeps(world.server.settings).values():
            sweep(session, world.now(), 1)

    with recorded(database.engine) as seen:
        await database.transaction(one_each)
    return await _explained("the sweeps", database.engine, seen)


async def gallery(url: str, folder: Path) -> list[str]:
    """The same for lists and reads of the gallery."""
    key = SigningKey.generate()
    with tokens.published([key]) as jwks_url:
        async with inside_gallery.running(url, stage.NOW, key, jwks_url, folder / "plans") as running:
            bearer = {"Authorization": f"Bearer {running.mint('somebody', ' '.join(auth.SCOPES))}"}
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=running.app),
                base_url=running.settings.resource,
                headers=bearer,
            ) as client:
                engine = running.app.state.resource_api.database.engine
                with recorded(engine) as seen:
                    image = await services.upload(client)
                    made = await client.post("/galleries", json={"title": "Plans"})
                    place = f"/galleries/{made.json()['id']}"
                    await client.post(f"{place}/images", json={"image_id": image.rpartition("/")[2]})
                    for path in ("/me", "/images", "/images?owner=others", image, f"{image}/content"):
                        (await client.get(path)).raise_for_status()
                    for path in (
                        "/galleries",
                        "/galleries?owner=others",
                        place,
                        f"{place}/images",
                        "/credits/ledger",
                    ):
                        (await client.get(path)).raise_for_status()
            return await _explained("uploads, reads and lists of the gallery", engine, seen)


async def _explained(what: str, engine: AsyncEngine, seen: list[Statement]) -> list[str]:
    checked: set[str] = set()
    lines: list[str] = []
    async with engine.connect() as connection:
        for statement, parameters in seen:
            if statement in checked or statement.split(maxsplit=1)[0].upper() not in EXPLAINED:
                continue
            checked.add(statement)
            short = " ".join(statement.split())[:200]
            tables = await _looked_through(connection, statement, parameters)
            lines += [f"not by an index: {table} in {short}" for table in sorted(tables)]
    return lines or [f"plans: {len(checked)} statements of {what}: all by index"]


async def _looked_through(connection: AsyncConnection, statement: str, parameters: Any) -> set[str]:
    """The tables that are read from end to end: by choice if they are long, for want of an index if they are short.

    A look through a page or two of rows is cheaper than any index, so a short table is asked again with that forbidden.
    """
    chosen = await _scanned(connection, statement, parameters)
    if not chosen:
        return chosen
    await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    needed = await _scanned(connection, statement, parameters)
    await connection.exec_driver_sql("SET LOCAL enable_seqscan = on")
    counted = sa.text("SELECT relname FROM pg_class WHERE relname = ANY(:names) AND reltuples >= :long")
    long = set(await connection.scalars(counted, {"names": list(chosen), "long": LONG}))
    return (chosen & long) | needed


async def _scanned(connection: AsyncConnection, statement: str, parameters: Any) -> set[str]:
    plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    scans = (line.partition("Seq Scan on ")[2].split(" ", 1)[0] for (line,) in plan)
    return {table for table in scans if table and table not in SMALL}


async def _hot(world: flows.World, web: flows.App) -> None:
    """Everything an app does, once, on a cache that knows nothing."""
    first = await world.tokens(web, services.EMAIL)
    second = (await world.refresh(web, first["refresh_token"])).json()
    await world.introspect(web, second["access_token"])
    await world.introspect(web, second["refresh_token"])
    await world.post("/oauth/revoke", web, token=second["refresh_token"])

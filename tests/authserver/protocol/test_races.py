"""A hundred at once: one winner for a code and for a decision, one node that rotates keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from authserver.oauth import refresh_tokens, signing_keys

from .flows import App, World, answer_of

AT_ONCE = 100


async def start(world: World) -> App:
    await world.add_person()
    return await world.add_app()


async def answered(send: Callable[[], Awaitable[Any]]) -> Any:
    """The answer, asking again as a client should when a busy database made it a 503 that says so."""
    while True:
        response = await send()
        if response.status_code != 503:
            return response
        await asyncio.sleep(float(response.headers["retry-after"]))


async def families(world: World) -> list[Any]:
    rows: list[Any] = await world.server.state.database.read(
        lambda session: list(session.execute(sa.select(refresh_tokens.table)).mappings())
    )
    return rows


async def test_a_code_has_one_winner_and_the_others_end_its_grant(world: World) -> None:
    app = await start(world)
    code = await world.code(app)
    answers = await asyncio.gather(*(answered(lambda: world.redeem(app, code)) for _ in range(AT_ONCE)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [(answer.status_code, answer.json()["error"]) for answer in answers if answer.status_code != 200]
    assert len(won) == 1
    assert lost == [(400, "invalid_grant")] * (AT_ONCE - 1)
    assert [row["revoked_at"] is None for row in await families(world)] == [False]
    assert (await world.refresh(app, won[0]["refresh_token"])).json()["error"] == "invalid_grant"
    assert await world.introspect(app, won[0]["access_token"]) == {"active": False}


async def test_a_decision_has_one_winner(world: World) -> None:
    app = await start(world)
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    page = (await browser.authorize(app)).headers["location"]
    answers = await asyncio.gather(*(browser.decide(page, "allow", ["images:read"]) for _ in range(20)))
    won = [answer for answer in answers if answer.status_code == 303]
    assert len(won) == 1
    assert "code" in answer_of(won[0])


async def test_one_of_many_rotates(world: World, clock: Any) -> None:
    clock.advance(91 * 86400)
    database = world.server.state.database
    done = await asyncio.gather(
        *(database.transaction(lambda session: signing_keys.run(world.oauth, session)) for _ in range(5))
    )
    # The server's own background work is one more that may have been the fastest.
    assert done.count(True) <= 1
    ring = await database.read(lambda session: signing_keys.ring(world.oauth, session))
    states = sorted(record.state(clock()) for record in ring.records)
    assert states == ["active", "next", "retiring"]

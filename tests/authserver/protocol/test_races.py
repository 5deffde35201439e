"""Many at once: one winner for a decision, one node that rotates keys. Codes are raced in `tests/attacks`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from authserver.oauth import signing_keys
from keys.signing import SigningKey

from .flows import App, World, answer_of


async def start(world: World) -> App:
    await world.add_person()
    return await world.add_app()


async def test_a_decision_has_one_winner(world: World) -> None:
    app = await start(world)
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    page = (await browser.authorize(app)).headers["location"]
    answers = await asyncio.gather(*(browser.decide(page, "allow", ["images:read"]) for _ in range(20)))
    won = [answer for answer in answers if answer.status_code == 303]
    assert len(won) == 1
    assert "code" in answer_of(won[0])


async def test_one_of_many_rotates(world: World, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second made up their mind before the first was done, since all have made their keys by then."""
    clock.advance(91 * 86400)
    made, together = [SigningKey.generate() for _ in range(6)], threading.Barrier(5)

    def generate(*_: Any) -> SigningKey:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(5)
        return made.pop()

    monkeypatch.setattr(SigningKey, "generate", generate)
    database = world.server.state.database
    done = await asyncio.gather(
        *(database.transaction(lambda session: signing_keys.run(world.oauth, session)) for _ in range(5))
    )
    # The server's own background work is one more that may have been the fastest.
    assert done.count(True) <= 1
    ring = await database.read(lambda session: signing_keys.ring(world.oauth, session))
    states = sorted(record.state(clock()) for record in ring.records)
    assert states == ["active", "next", "retiring"]

"""What the races share: two servers on one database, and many families of tokens in little time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.authserver.protocol.flows import App, World
from tests.support import authserver, databases
from tests.support.clock import ManualClock


@asynccontextmanager
async def two_servers(kind: str, folder: Path, clock: ManualClock) -> AsyncIterator[tuple[World, World]]:
    """Two servers on one database of this kind, which share nothing else, as two processes would."""
    async with databases.fresh(kind, "authserver", authserver.build, folder) as url:
        config = authserver.configured(url)
        async with authserver.running(config, clock) as first, authserver.running(config, clock) as second:
            worlds = World(first), World(second)
            await worlds[0].add_apis()
            yield worlds


async def families(world: World, app: App, count: int, email: str = "ana@example.test") -> list[Any]:
    """So many answers with tokens, from one browser of this person."""
    browser = world.browser()
    await browser.sign_in(email)
    answers = []
    for _ in range(count):
        code = (await browser.allow(app))["code"]
        response = await world.redeem(app, code)
        assert response.status_code == 200, response.text
        answers.append(response.json())
    return answers


async def insist(send: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """The answer to this request, sent again as long as a server that is busy asks to come again later."""
    answer = await send()
    for _ in range(50):
        if answer.status_code != 503:
            break
        assert answer.headers["retry-after"], answer.text
        await asyncio.sleep(0.1)
        answer = await send()
    return answer

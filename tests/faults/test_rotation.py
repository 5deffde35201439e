"""Keys that change under load, as fast as an emergency may need it: no token is refused on the way."""

from __future__ import annotations

import asyncio
import functools
import time

import httpx2
import pytest

from authserver.cli import running
from authserver.oauth import signing_keys
from tests.support import authserver as support

from . import load, promises
from .callers import History
from .measuring import wait_for
from .stage import Stage

ROTATIONS = 10


def published(stage: Stage) -> set[str]:
    document = httpx2.get(f"{stage.first.url}/.well-known/jwks.json", trust_env=False, timeout=30).json()
    return {key["kid"] for key in document["keys"]}


def knows(stage: Stage, keys: set[str]) -> bool:
    return keys <= published(stage)


def more(history: History, than: int) -> bool:
    return history.done["list"] > than


async def rotate(stage: Stage) -> set[str]:
    """What `authserver keys rotate --emergency` does; the ids of the keys there are now."""
    config = support.configured(stage.postgres.named("authserver"), issuer=stage.first.url)
    async with running.opened(config) as here:
        await here.database.transaction(
            lambda session: signing_keys.rotate(here.oauth, session, emergency=True)
        )
        ring = await here.database.read(lambda session: signing_keys.ring(here.oauth, session))
        return {record.kid for record in ring.records}


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_row_47_ten_rotations_under_load_and_no_token_is_refused(stage: Stage) -> None:
    stage.wait_until_ready()
    before = published(stage)
    with load.running(stage) as history:
        for _ in range(ROTATIONS):
            now = asyncio.run(rotate(stage))
            # Every node publishes the new key within a second; whoever rotates sooner may outrun them.
            wait_for(functools.partial(knows, stage, now))
            wait_for(functools.partial(more, history, history.done["list"]))  # under this key
            assert history.wrong == []
        time.sleep(0.2)
    assert len(published(stage) - before) == ROTATIONS
    assert history.again == 0, "nobody had to ask twice"
    promises.check(stage, history)

"""What is tidied while the service runs: stored answers nobody will ask for again, and files without an image.

Everything here may run in several processes at once, and may be interrupted at any point.
"""

import asyncio
import functools

import sqlalchemy as sa
from sqlalchemy.orm import Session

from . import database, idempotency, logs, state
from .ownership import images

EVERY_SECONDS = 600.0
BATCH = 500
# Younger files may belong to an image whose transaction has not ended.
ORPHAN_SECONDS = 3600.0

log = logs.get("upkeep")


async def run_forever(house: state.State) -> None:
    """Tidies now and then, until cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await run(house)
        except database.UnavailableError as error:
            log.warning("upkeep_postponed", why=str(error))
        except Exception:
            log.exception("upkeep_failed")


async def run(house: state.State) -> int:
    """Tidies once; how many stored answers and files went."""
    gone = 0
    while removed := await house.database.transaction(
        lambda session: idempotency.delete_expired(session, house.clock(), BATCH)
    ):
        gone += removed
    keys = await house.files.keys(house.clock() - ORPHAN_SECONDS)
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        known = await house.database.read(functools.partial(_known, keys=batch))
        for key in batch:
            if key.partition(".")[0] not in known:
                await house.files.delete(key)
                gone += 1
    return gone


def _known(session: Session, keys: list[str]) -> set[str]:
    """The ids among these keys that belong to an image, whoever owns it."""
    wanted = {key.partition(".")[0] for key in keys}
    return set(session.execute(sa.select(images.c.id).where(images.c.id.in_(wanted))).scalars())

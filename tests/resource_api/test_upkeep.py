"""What is tidied while the service runs, and what is left alone."""

from typing import Any

import sqlalchemy as sa

from resource_api import idempotency, ids, upkeep

from .callers import ANA, headers, upload
from .test_generation import generate


async def stored(gallery: Any) -> int:
    count = sa.select(sa.func.count()).select_from(idempotency.answers)
    return int(await gallery.app.state.resource_api.database.read(lambda session: session.scalar(count)))


async def test_stored_answers_go_when_nobody_can_ask_for_them(gallery: Any, clock: Any) -> None:
    await generate(gallery, ANA, "k-1", prompt="a poster")
    clock.advance(23 * 3600)
    await upkeep.run(gallery.app.state.resource_api)
    assert await stored(gallery) == 1
    clock.advance(3600 + 1)
    await upkeep.run(gallery.app.state.resource_api)
    assert await stored(gallery) == 0


async def test_a_file_whose_image_was_never_stored_goes_after_an_hour(gallery: Any, clock: Any) -> None:
    house = gallery.app.state.resource_api
    image = await upload(gallery, ANA)
    orphan = ids.new()
    await house.files.put(orphan, b"what a crash left")
    written_at = max(path.stat().st_mtime for path in gallery.settings.files.rglob("*") if path.is_file())
    clock.now = written_at + 1
    await upkeep.run(house)
    assert await house.files.read(orphan) == b"what a crash left"
    clock.advance(upkeep.ORPHAN_SECONDS + 1)
    assert await upkeep.run(house) == 1
    assert orphan not in await house.files.keys(clock.now)
    assert sorted(await house.files.keys(clock.now)) == [image["id"], image["id"] + ".thumbnail"]


async def test_content_stays_readable_after_tidying(gallery: Any, clock: Any) -> None:
    image = await upload(gallery, ANA)
    clock.advance(10 * 365 * 86400)
    await upkeep.run(gallery.app.state.resource_api)
    response = await gallery.client.get(f"/images/{image['id']}/content", headers=headers(gallery, ANA))
    assert response.status_code == 200

"""Group T: one owner's room, raced for over two servers on one database, which each have their own queue and child."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from resource_api import auth, images, ownership, pictures, problems, storage
from tests.resource_api import callers
from tests.resource_api.callers import ANA, BRUNO
from tests.support import databases

pytestmark = pytest.mark.parametrize("resource_database_url", databases.KINDS, indirect=True)
MIB = 1024 * 1024
ROUNDS = 3


@pytest.fixture
async def houses(gallery: Any) -> AsyncIterator[tuple[Any, Any]]:
    """Two servers that let an owner keep one MiB."""
    async with (
        callers.another(gallery, storage_bytes=MIB) as one,
        callers.another(gallery, storage_bytes=MIB) as two,
    ):
        yield one.app.state.resource_api, two.app.state.resource_api


def someone(gallery: Any, sub: str) -> auth.Caller:
    return auth.Caller(f"{gallery.settings.issuer} {sub}", True, "app_web", frozenset())


def picture(size: int) -> pictures.Picture:
    """One that is already decoded: the race is for the database, and a child would let one through at a time."""
    return pictures.Picture(b"x" * size, b"x", "image/png", 1, 1)


async def counted(house: Any, caller: auth.Caller) -> tuple[int, int]:
    """The bytes that the owner's images have, and the number that is kept of them."""
    table = ownership.images
    total = sa.select(sa.func.coalesce(sa.func.sum(table.c.size_bytes), 0)).where(
        table.c.owner == caller.owner
    )
    kept = sa.select(storage.storage.c.bytes).where(storage.storage.c.owner == caller.owner)

    def both(session: Any) -> tuple[int, int]:
        return int(session.execute(total).scalar_one()), int(session.execute(kept).scalar_one())

    return await house.database.read(both)  # type: ignore[no-any-return]  # a house of any


async def test_row_127_an_owners_room_is_never_overfilled_by_two_servers(
    gallery: Any, houses: tuple[Any, Any]
) -> None:
    ana, bruno = someone(gallery, ANA), someone(gallery, BRUNO)
    given = callers.headers(gallery, ANA)
    for _ in range(ROUNDS):
        asked = [
            images.add(houses[number % 2], ana, picture(MIB // 5), title=str(number)) for number in range(24)
        ]
        asked.append(images.add(houses[0], bruno, picture(MIB), title="a full room of one's own"))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        bystander = answers.pop()
        assert isinstance(bystander, images.Image), bystander
        won = [answer for answer in answers if isinstance(answer, images.Image)]
        refused = [answer.kind.code for answer in answers if isinstance(answer, problems.Problem)]
        assert (len(won), refused) == (5, ["quota_exceeded"] * 19), answers
        assert await counted(houses[0], ana) == (MIB // 5 * 5, MIB // 5 * 5)
        files = [path for path in gallery.settings.files.rglob("*") if path.is_file()]
        assert len(files) == 2 * 6, "what found no room leaves no file"
        # Deleting makes room, and exactly as much; twice is once.
        gone = [
            gallery.client.delete(f"/images/{image.id}", headers=given) for image in won for _ in range(2)
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*gone)]
        assert sorted(statuses) == [204] * 5 + [404] * 5
        assert await counted(houses[0], ana) == (0, 0)
        theirs = await gallery.client.delete(
            f"/images/{bystander.id}", headers=callers.headers(gallery, BRUNO)
        )
        assert theirs.status_code == 204


async def test_row_127_adding_and_deleting_at_once_keep_the_count(
    gallery: Any, houses: tuple[Any, Any]
) -> None:
    ana, given = someone(gallery, ANA), callers.headers(gallery, ANA)
    there = [await images.add(houses[0], ana, picture(MIB // 8), title="there") for _ in range(8)]
    asked: list[Any] = []
    for number, image in enumerate(there):
        asked.append(gallery.client.delete(f"/images/{image.id}", headers=given))
        asked.append(images.add(houses[number % 2], ana, picture(MIB // 8), title="new"))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    statuses = [getattr(answer, "status_code", answer) for answer in answers[::2]]
    assert statuses == [204] * 8
    won = [answer for answer in answers[1::2] if isinstance(answer, images.Image)]
    assert await counted(houses[0], ana) == (len(won) * MIB // 8, len(won) * MIB // 8)


async def test_row_127_a_picture_larger_than_the_room_is_refused_at_once(
    gallery: Any, houses: tuple[Any, Any]
) -> None:
    ana = someone(gallery, ANA)
    with pytest.raises(problems.Problem) as caught:
        await images.add(houses[0], ana, picture(MIB + 1), title="")
    assert caught.value.kind.code == "quota_exceeded"
    await images.add(houses[0], ana, picture(MIB), title="")
    assert await counted(houses[0], ana) == (MIB, MIB)

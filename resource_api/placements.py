"""The images of a gallery, in their order: list, add, order, take out. The gallery itself is `galleries.py`.

Whoever changes a gallery locks its row first, so its positions are never computed from two sides. Positions only grow
in the order of the images; they may have gaps, and are not shown. Deleting an image takes it out of every gallery by
the database's own cascade.
"""

from datetime import UTC, datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from . import auth, etags, galleries, ids, images, inputs, ownership, paging, problems, state
from .auth import Caller
from .ownership import Access, placements
from .problems import Problem

router = APIRouter(tags=["Galleries"])

MOST = 1000
"""So many images fit into a gallery; the whole order still fits into one body."""

Id = Annotated[str, Field(max_length=36, examples=["0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"])]


class GalleryImage(images.Image):
    """An image in a gallery. Whoever sees the gallery may read it."""

    added_at: datetime


class NewPlacement(inputs.Body):
    image_id: Id
    position: int | None = Field(
        default=None, ge=0, le=MOST, description="Before which one, counted from 0. Left out: at the end."
    )


class Order(inputs.Body):
    image_ids: list[Id] = Field(max_length=MOST, description="Every image of the gallery, once.")


@router.get(
    "/galleries/{gallery_id}/images", operation_id="listGalleryImages", summary="List a gallery's images"
)
async def list_gallery_images(
    caller: Annotated[Caller, auth.caller("gallery:read")],
    house: state.House,
    gallery_id: str,
    window: Annotated[paging.Window, Query()],
) -> paging.Page[GalleryImage]:
    """The images of a gallery you own or were given, in its order."""
    place = (caller.owner, "placements", gallery_id)
    after = paging.read_number(window.cursor, *place)

    def read(session: Session) -> list[ownership.Row]:
        ownership.load(session, ownership.galleries, gallery_id, caller)
        return _list(session, gallery_id, caller, after, window.limit + 1)

    page, last = paging.cut(await house.database.read(read), window.limit)
    return paging.Page(
        items=[_show(row) for row in page],
        next_cursor=paging.write_number(last.position, *place) if last is not None else None,
    )


@router.post(
    "/galleries/{gallery_id}/images",
    operation_id="addGalleryImage",
    summary="Add an image to a gallery",
    status_code=201,
    responses={409: {}},
)
async def add_gallery_image(
    caller: Annotated[Caller, auth.caller("gallery:write")],
    house: state.House,
    gallery_id: str,
    wanted: Annotated[NewPlacement, inputs.json_body(NewPlacement)],
) -> GalleryImage:
    """Puts an image of yours into a gallery that you own or may edit. All who see the gallery will see the image."""

    def add(session: Session) -> GalleryImage:
        gallery = ownership.load(session, ownership.galleries, gallery_id, caller, Access.EDIT)
        image = ownership.load(session, ownership.images, wanted.image_id, caller, Access.OWN)
        now = house.clock()
        galleries.touch(session, gallery, now)
        _insert(session, gallery_id, image.id, wanted.position, now)
        return GalleryImage(**images.show(image).model_dump(), added_at=datetime.fromtimestamp(now, UTC))

    return await house.database.transaction(add)


@router.put(
    "/galleries/{gallery_id}/images",
    operation_id="orderGalleryImages",
    response_model=galleries.Gallery,
    summary="Order a gallery's images",
    responses={409: {}},
    openapi_extra=etags.GUARDED,
)
async def order_gallery_images(
    caller: Annotated[Caller, auth.caller("gallery:write")],
    house: state.House,
    request: Request,
    gallery_id: str,
    wanted: Annotated[Order, inputs.json_body(Order)],
) -> Response:
    """Puts the images into the order of the list, which names every image of the gallery once: 409 when it does not,
    for example because somebody added one meanwhile. `If-Match` takes the gallery's ETag."""
    if len(set(wanted.image_ids)) != len(wanted.image_ids):
        raise problems.invalid("/image_ids", "names an image twice")

    def order(session: Session) -> galleries.Gallery:
        gallery = galleries.load(session, gallery_id, caller, Access.EDIT)
        galleries.require(request, gallery)
        galleries.touch(session, gallery, house.clock())
        _order(session, gallery_id, wanted.image_ids)
        return galleries.show(galleries.load(session, gallery_id, caller, Access.EDIT))

    return galleries.answer(await house.database.transaction(order))


@router.delete(
    "/galleries/{gallery_id}/images/{image_id}",
    operation_id="removeGalleryImage",
    summary="Take an image out of a gallery",
    status_code=204,
)
async def remove_gallery_image(
    caller: Annotated[Caller, auth.caller("gallery:write")],
    house: state.House,
    gallery_id: str,
    image_id: str,
) -> None:
    """Takes the image out; it stays its owner's. Whoever may edit the gallery may do so, and always the image's owner
    as long as they see the gallery."""

    def remove(session: Session) -> None:
        gallery = ownership.load(session, ownership.galleries, gallery_id, caller)
        if gallery.access < Access.EDIT:
            ownership.load(session, ownership.images, image_id, caller, Access.OWN)
        if not ids.canonical(image_id):
            raise problems.not_found()
        galleries.touch(session, gallery, house.clock())
        statement = sa.delete(placements).where(
            placements.c.gallery_id == gallery_id, placements.c.image_id == image_id
        )
        if session.execute(statement.returning(placements.c.image_id)).one_or_none() is None:
            raise problems.not_found()

    await house.database.transaction(remove)


def withdraw(session: Session, gallery: ownership.Row, person: str, now: float) -> None:
    """Takes every image of `person` out of the loaded gallery, which they no longer see."""
    theirs = sa.select(ownership.images.c.id).where(ownership.images.c.owner == person)
    galleries.touch(session, gallery, now)
    session.execute(
        sa.delete(placements).where(placements.c.gallery_id == gallery.id, placements.c.image_id.in_(theirs))
    )


def _list(
    session: Session, gallery_id: str, caller: Caller, after: int | None, count: int
) -> list[ownership.Row]:
    statement = (
        ownership.visible(ownership.images, caller)
        .add_columns(placements.c.position, placements.c.added_at)
        .join(placements, placements.c.image_id == ownership.images.c.id)
        .where(placements.c.gallery_id == gallery_id)
    )
    if after is not None:
        statement = statement.where(placements.c.position > after)
    return list(session.execute(statement.order_by(placements.c.position).limit(count)))


def _insert(session: Session, gallery_id: str, image_id: str, index: int | None, now: float) -> None:
    """Puts the image before the one at `index`, or at the end. Raises `Problem` 409."""
    here = placements.c.gallery_id == gallery_id
    held = sa.select(
        sa.func.count().label("number"),
        sa.func.max(placements.c.position).label("last"),
        sa.func.count().filter(placements.c.image_id == image_id).label("same"),
    )
    row = session.execute(held.where(here)).one()
    if row.same:
        raise Problem("conflict", "This image is in the gallery already.")
    if row.number >= MOST:
        raise Problem("conflict", f"A gallery holds at most {MOST:,} images.")
    position = 0 if row.last is None else row.last + 1
    if index is not None and index < row.number:
        nth = sa.select(placements.c.position).where(here).order_by(placements.c.position)
        position = session.execute(nth.limit(1).offset(index)).scalar_one()
        session.execute(
            sa.update(placements)
            .where(here, placements.c.position >= position)
            .values(position=placements.c.position + 1)
        )
    session.execute(
        sa.insert(placements).values(
            gallery_id=gallery_id, image_id=image_id, position=position, added_at=now
        )
    )


def _order(session: Session, gallery_id: str, image_ids: list[str]) -> None:
    """Numbers the images as listed. Raises `Problem` 409 unless these are the gallery's images."""
    here = placements.c.gallery_id == gallery_id
    held = set(session.execute(sa.select(placements.c.image_id).where(here)).scalars())
    if held != set(image_ids):
        raise Problem(
            "conflict", f"The gallery holds {len(held)} images; list each of them once, and no other."
        )
    if image_ids:
        session.execute(
            sa.update(placements)
            .where(here, placements.c.image_id == sa.bindparam("image"))
            .values(position=sa.bindparam("place")),
            [{"image": image_id, "place": place} for place, image_id in enumerate(image_ids)],
        )


def _show(row: ownership.Row) -> GalleryImage:
    return GalleryImage(**images.show(row).model_dump(), added_at=datetime.fromtimestamp(row.added_at, UTC))

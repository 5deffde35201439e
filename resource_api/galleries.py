"""Galleries: create, list, read, rename, delete. The images in one and their order are `placements.py`."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pydantic
import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from . import auth, etags, images, inputs, ownership, paging, state
from .auth import Caller
from .ownership import Access, galleries, placements, shares

router = APIRouter(tags=["Galleries"])

Title = Annotated[inputs.Line, inputs.text(1, 200)]
Description = Annotated[inputs.Line, inputs.text(0, 1000)]

_HELD = placements.c.gallery_id == galleries.c.id
_FACTS = (
    sa.select(sa.func.count()).where(_HELD).scalar_subquery().label("image_count"),
    sa.select(placements.c.image_id)
    .where(_HELD)
    .order_by(placements.c.position)
    .limit(1)
    .scalar_subquery()
    .label("cover_image_id"),
)
"""What is told about a gallery beside its own columns, read by the same statement."""


class Gallery(pydantic.BaseModel):
    """A gallery without its images; those are at `/galleries/{id}/images`."""

    id: str = Field(examples=["0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1c"])
    title: str = Field(examples=["Summer by the sea"])
    description: str
    image_count: int
    cover_image_id: str | None = Field(description="The first image; null when there is none.")
    revision: int = Field(description="Grows with every change of the gallery, its images and their order.")
    access: Literal["own", "edit", "read"] = Field(
        description="How far you reach: yours, or shared with you."
    )
    created_at: datetime
    updated_at: datetime


class NewGallery(inputs.Body):
    title: Title = Field(examples=["Summer by the sea"])
    description: Description = ""


class GalleryChange(inputs.Body):
    """What may be changed; members left out stay as they are."""

    title: Title = Field(default="", examples=["Summer by the lake"])
    description: Description = ""


class GalleryWindow(paging.Window):
    owner: Literal["me", "others"] = Field(
        default="me", description="Yours, or those others shared with you."
    )


@router.get("/galleries", operation_id="listGalleries", summary="List galleries")
async def list_galleries(
    caller: Annotated[Caller, auth.caller("gallery:read")],
    house: state.House,
    window: Annotated[GalleryWindow, Query()],
) -> paging.Page[Gallery]:
    """Your galleries, or with `owner=others` those shared with you; newest first."""
    place = (caller.owner, "galleries", window.owner)
    before = paging.read_id(window.cursor, *place)
    rows = await house.database.read(lambda session: _list(session, caller, window, before))
    page, last = paging.cut(rows, window.limit)
    return paging.Page(
        items=[show(row) for row in page],
        next_cursor=paging.write_id(last.id, *place) if last is not None else None,
    )


@router.post(
    "/galleries",
    operation_id="createGallery",
    response_model=Gallery,
    summary="Create a gallery",
    status_code=201,
)
async def create_gallery(
    caller: Annotated[Caller, auth.caller("gallery:write")],
    house: state.House,
    wanted: Annotated[NewGallery, inputs.json_body(NewGallery)],
) -> Response:
    """A new gallery of yours, without images."""
    now = house.clock()
    values = {"title": wanted.title, "description": wanted.description, "revision": 1}
    row = await house.database.transaction(
        lambda session: ownership.create(session, galleries, caller, **values, created_at=now, updated_at=now)
    )
    content = _json(_show(row, 0, None))
    headers = {"ETag": etags.of(content), "Location": f"{house.settings.path}/galleries/{row.id}"}
    return Response(content, 201, headers, media_type="application/json")


@router.get(
    "/galleries/{gallery_id}",
    operation_id="getGallery",
    response_model=Gallery,
    summary="Read a gallery",
    openapi_extra=etags.CACHED,
)
async def get_gallery(
    caller: Annotated[Caller, auth.caller("gallery:read")],
    house: state.House,
    request: Request,
    gallery_id: str,
) -> Response:
    """The gallery's title, description, and how many images it holds."""
    row = await house.database.read(lambda session: load(session, gallery_id, caller, Access.READ))
    return etags.answer(request, _json(show(row)), "application/json")


@router.patch(
    "/galleries/{gallery_id}",
    operation_id="changeGallery",
    response_model=Gallery,
    summary="Rename a gallery",
    openapi_extra=etags.GUARDED,
)
async def change_gallery(
    caller: Annotated[Caller, auth.caller("gallery:write")],
    house: state.House,
    request: Request,
    gallery_id: str,
    wanted: Annotated[GalleryChange, inputs.json_body(GalleryChange)],
) -> Response:
    """Another title or description; a share with edit access suffices. `If-Match` guards against lost updates."""

    def change(session: Session) -> Gallery:
        row = load(session, gallery_id, caller, Access.EDIT)
        require(request, row)
        values = {name: getattr(wanted, name) for name in wanted.model_fields_set}
        return _show(touch(session, row, house.clock(), **values), row.image_count, row.cover_image_id)

    return answer(await house.database.transaction(change))


@router.delete(
    "/galleries/{gallery_id}",
    operation_id="deleteGallery",
    summary="Delete a gallery",
    status_code=204,
    openapi_extra=etags.GUARDED,
)
async def delete_gallery(
    caller: Annotated[Caller, auth.caller("gallery:write")],
    house: state.House,
    request: Request,
    gallery_id: str,
) -> None:
    """Deletes the gallery and its shares, at once and for good; the images stay their owners'. Only the owner may."""

    def delete(session: Session) -> None:
        row = load(session, gallery_id, caller, Access.OWN)
        require(request, row)
        ownership.remove(session, galleries, row)

    await house.database.transaction(delete)


def load(session: Session, gallery_id: str, caller: Caller, needs: Access) -> ownership.Row:
    """The gallery with its facts. Raises `Problem` as `ownership.load` does."""
    return ownership.load(session, galleries, gallery_id, caller, needs, also=_FACTS)


def touch(session: Session, row: ownership.Row, now: float, **values: Any) -> ownership.Row:
    """The loaded gallery as changed now; until the transaction ends, nobody else changes it or what it holds."""
    return ownership.change(
        session, galleries, row, revision=galleries.c.revision + 1, updated_at=now, **values
    )


def require(request: Request, row: ownership.Row) -> None:
    """Raises `Problem` 412 when `If-Match` names another version than this one, which `load` has read."""
    etags.require(request, etags.of(_json(show(row))))


def show(row: ownership.Row) -> Gallery:
    """What the caller is told about a gallery that `load` has read."""
    return _show(row, row.image_count, row.cover_image_id)


def answer(gallery: Gallery) -> Response:
    """200 with the gallery as it is now."""
    content = _json(gallery)
    return Response(content, media_type="application/json", headers={"ETag": etags.of(content)})


def _show(row: ownership.Row, image_count: int, cover_image_id: str | None) -> Gallery:
    return Gallery(
        id=row.id,
        title=row.title,
        description=row.description,
        image_count=image_count,
        cover_image_id=cover_image_id,
        revision=row.revision,
        access=images.ACCESS[row.access],
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        updated_at=datetime.fromtimestamp(row.updated_at, UTC),
    )


def _json(gallery: Gallery) -> bytes:
    return gallery.model_dump_json().encode()


def _list(session: Session, caller: Caller, window: GalleryWindow, before: str | None) -> list[ownership.Row]:
    statement = ownership.visible(galleries, caller).add_columns(*_FACTS)
    if window.owner == "me":
        statement = statement.where(galleries.c.owner == caller.owner)
    else:
        shared = sa.select(shares.c.gallery_id).where(shares.c.person == caller.owner)
        statement = statement.where(galleries.c.id.in_(shared))
    if before is not None:
        statement = statement.where(galleries.c.id < before)
    return list(session.execute(statement.order_by(galleries.c.id.desc()).limit(window.limit + 1)))

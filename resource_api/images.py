"""Images: list, read, rename, delete, and their content. They are made in `generation.py` and `uploads.py`."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pydantic
import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from . import (
    auth,
    etags,
    files,
    idempotency,
    ids,
    inputs,
    ownership,
    paging,
    pictures,
    problems,
    state,
    storage,
)
from .auth import Caller
from .ownership import Access, images, shares
from .pictures import Picture

router = APIRouter(tags=["Images"])

THUMBNAIL = ".thumbnail"
ACCESS: dict[int, Literal["read", "edit", "own"]] = {
    Access.READ: "read",
    Access.EDIT: "edit",
    Access.OWN: "own",
}

_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {f"image/{kind.lower()}": {} for kind in pictures.FORMATS}}
}
_THUMBNAIL: dict[int | str, dict[str, Any]] = {200: {"content": {pictures.THUMBNAIL_MEDIA_TYPE: {}}}}

Title = Annotated[inputs.Line, inputs.text(0, 200)]


class Image(pydantic.BaseModel):
    """An image without its bytes; those are at `/images/{id}/content` and `/images/{id}/thumbnail`."""

    id: str = Field(examples=["0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"])
    title: str = Field(examples=["Harbour at dusk"])
    source: Literal["generated", "uploaded"]
    prompt: str | None = Field(description="What it was generated from; null for uploads.")
    seed: int | None = Field(description="With the prompt, makes the same image again; null for uploads.")
    media_type: str = Field(examples=["image/png"])
    width: int = Field(description="Pixels.", examples=[1024])
    height: int = Field(description="Pixels.", examples=[1024])
    size_bytes: int
    access: Literal["own", "edit", "read"] = Field(
        description="How far you reach: yours, or shared with you."
    )
    created_at: datetime
    updated_at: datetime


class ImageChange(inputs.Body):
    title: Title = Field(examples=["Harbour at dawn"])


class ImageWindow(paging.Window):
    owner: Literal["me", "others"] = Field(
        default="me", description="Yours, or those others shared with you."
    )


@router.get("/images", operation_id="listImages", summary="List images")
async def list_images(
    caller: Annotated[Caller, auth.caller("images:read")],
    house: state.House,
    window: Annotated[ImageWindow, Query()],
) -> paging.Page[Image]:
    """Your images, or with `owner=others` those shared with you; newest first."""
    place = (caller.owner, "images", window.owner)
    before = paging.read_id(window.cursor, *place)
    rows = await house.database.read(lambda session: _list(session, caller, window, before))
    page, last = paging.cut(rows, window.limit)
    return paging.Page(
        items=[show(row) for row in page],
        next_cursor=paging.write_id(last.id, *place) if last is not None else None,
    )


@router.get(
    "/images/{image_id}",
    operation_id="getImage",
    response_model=Image,
    summary="Read an image's data",
    openapi_extra=etags.CACHED,
)
async def get_image(
    caller: Annotated[Caller, auth.caller("images:read")], house: state.House, request: Request, image_id: str
) -> Response:
    """Everything about the image but its bytes."""
    row = await house.database.read(lambda session: ownership.load(session, images, image_id, caller))
    return etags.answer(request, _json(show(row)), "application/json")


@router.patch(
    "/images/{image_id}",
    operation_id="renameImage",
    response_model=Image,
    summary="Rename an image",
    openapi_extra=etags.GUARDED,
)
async def rename_image(
    caller: Annotated[Caller, auth.caller("images:write")],
    house: state.House,
    request: Request,
    image_id: str,
    wanted: Annotated[ImageChange, inputs.json_body(ImageChange)],
) -> Response:
    """Gives the image another title; a share with edit access suffices. `If-Match` guards against lost updates."""

    def rename(session: Session) -> ownership.Row:
        row = ownership.load(session, images, image_id, caller, Access.EDIT)
        etags.require(request, etags.of(_json(show(row))))
        return ownership.change(session, images, row, title=wanted.title, updated_at=house.clock())

    content = _json(show(await house.database.transaction(rename)))
    return Response(content, media_type="application/json", headers={"ETag": etags.of(content)})


@router.delete(
    "/images/{image_id}",
    operation_id="deleteImage",
    summary="Delete an image",
    status_code=204,
    openapi_extra=etags.GUARDED,
)
async def delete_image(
    caller: Annotated[Caller, auth.caller("images:write")],
    house: state.House,
    request: Request,
    image_id: str,
) -> None:
    """Deletes the image, its shares and its places in galleries, at once and for good. Only the owner may."""

    def delete(session: Session) -> None:
        row = ownership.load(session, images, image_id, caller, Access.OWN)
        etags.require(request, etags.of(_json(show(row))))
        ownership.remove(session, images, row)
        storage.give_back(session, row.owner, row.size_bytes)

    await house.database.transaction(delete)
    await _forget(house, image_id)


@router.get(
    "/images/{image_id}/content",
    operation_id="getImageContent",
    summary="Read an image",
    response_class=Response,
    responses=_PICTURE,
    openapi_extra=etags.CACHED,
)
async def get_content(
    caller: Annotated[Caller, auth.caller("images:read")], house: state.House, request: Request, image_id: str
) -> Response:
    """The image itself."""
    return await _bytes(caller, house, request, image_id, "")


@router.get(
    "/images/{image_id}/thumbnail",
    operation_id="getImageThumbnail",
    summary="Read a small image",
    response_class=Response,
    responses=_THUMBNAIL,
    openapi_extra=etags.CACHED,
)
async def get_thumbnail(
    caller: Annotated[Caller, auth.caller("images:read")], house: state.House, request: Request, image_id: str
) -> Response:
    """The image, at most 320 pixels wide and high."""
    return await _bytes(caller, house, request, image_id, THUMBNAIL)


def _nothing_more(_session: Session, _image: Image) -> None:
    """For an image that costs nothing."""


async def add(
    house: state.State,
    caller: Caller,
    picture: Picture,
    *,
    title: str,
    prompt: str | None = None,
    seed: int | None = None,
    also: Callable[[Session, Image], None] = _nothing_more,
) -> Image:
    """A new image of the caller's: generated when it has a prompt, uploaded when it has none.

    `also` runs in the same transaction, so both happen or neither.
    """
    image_id, now = ids.new(), house.clock()
    values = {
        "id": image_id,
        "title": title,
        "source": "uploaded" if prompt is None else "generated",
        "prompt": prompt,
        "seed": seed,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "size_bytes": len(picture.content),
        "digest": hashlib.sha256(picture.content).hexdigest(),
        "created_at": now,
        "updated_at": now,
    }

    def store(session: Session) -> Image:
        image = show(ownership.create(session, images, caller, **values))
        storage.take(session, caller.owner, image.size_bytes, house.settings.storage_bytes)
        also(session, image)
        return image

    await house.files.put(image_id, picture.content)
    await house.files.put(image_id + THUMBNAIL, picture.thumbnail)
    try:
        return await house.database.transaction(store)
    except (problems.Problem, idempotency.LostRaceError):
        # Surely rolled back. After a lost connection nobody knows: then the files wait for the sweep.
        await _forget(house, image_id)
        raise


def show(row: ownership.Row) -> Image:
    """What the caller is told about an image."""
    return Image(
        id=row.id,
        title=row.title,
        source=row.source,
        prompt=row.prompt,
        seed=row.seed,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        size_bytes=row.size_bytes,
        access=ACCESS[row.access],
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        updated_at=datetime.fromtimestamp(row.updated_at, UTC),
    )


def created(house: state.State, image: Image, *, replayed: bool = False) -> Response:
    """201 with the image and where it is."""
    headers = {"Location": f"{house.settings.path}/images/{image.id}"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(_json(image), 201, headers, media_type="application/json")


def _json(image: Image) -> bytes:
    return image.model_dump_json().encode()


def _list(session: Session, caller: Caller, window: ImageWindow, before: str | None) -> list[ownership.Row]:
    statement = ownership.visible(images, caller)
    if window.owner == "me":
        statement = statement.where(images.c.owner == caller.owner)
    else:
        statement = statement.where(
            images.c.id.in_(sa.select(shares.c.image_id).where(shares.c.person == caller.owner))
        )
    if before is not None:
        statement = statement.where(images.c.id < before)
    return list(session.execute(statement.order_by(images.c.id.desc()).limit(window.limit + 1)))


async def _bytes(
    caller: Caller, house: state.State, request: Request, image_id: str, suffix: str
) -> Response:
    row = await house.database.read(lambda session: ownership.load(session, images, image_id, caller))
    tag = f'"{row.digest}{suffix}"'
    name = f'inline; filename="{row.id}.{row.media_type.partition("/")[2]}"'
    if etags.unchanged(request, tag):
        return etags.answer(request, b"", row.media_type, tag=tag)
    try:
        content = await house.files.read(row.id + suffix)
    except files.MissingError:
        raise problems.not_found() from None  # deleted between the look and the reading
    media_type = row.media_type if not suffix else pictures.THUMBNAIL_MEDIA_TYPE
    return etags.answer(request, content, media_type, tag=tag, Content_Disposition=name)


async def _forget(house: state.State, image_id: str) -> None:
    await house.files.delete(image_id)
    await house.files.delete(image_id + THUMBNAIL)

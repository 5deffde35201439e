"""Shares: an image or a gallery shown to another person, or opened to their changes. What a share permits is decided in
`ownership.py`.

People are addressed by the handle of their profile. That must not become a way to find out who is here, so unknown
handles are counted, and nobody may try many.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pydantic
import sqlalchemy as sa
from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from . import auth, database, ids, inputs, ownership, paging, placements, problems, profile, state
from .auth import Caller
from .database import metadata
from .ownership import Access, galleries, images, shares
from .problems import Problem
from .profile import profiles

router = APIRouter(tags=["Shares"])

TRIES = 30
TRIES_SECONDS = 3600.0

handle_tries = sa.Table(
    "handle_tries",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("resets_at", sa.Double, nullable=False),
)


class Share(pydantic.BaseModel):
    id: str = Field(examples=["0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1d"])
    handle: str | None = Field(description="The person's handle now; null when they gave it up.")
    display_name: str
    access: Literal["read", "edit"]
    created_at: datetime


class NewShare(inputs.Body):
    handle: Annotated[inputs.Line, inputs.text(1, 100)] = Field(examples=["bruno"])
    access: Literal["read", "edit"] = Field(
        description="`edit`: rename; in a gallery also order, add and remove."
    )


Window = Annotated[paging.Window, Query()]
Wanted = Annotated[NewShare, inputs.json_body(NewShare)]


@router.get("/images/{image_id}/shares", operation_id="listImageShares", summary="List an image's shares")
async def list_image_shares(
    caller: Annotated[Caller, auth.person("images:write")], house: state.House, image_id: str, window: Window
) -> paging.Page[Share]:
    """With whom you share the image, in the order you did."""
    return await _list(house, caller, images, image_id, window)


@router.post(
    "/images/{image_id}/shares",
    operation_id="shareImage",
    response_model=Share,
    summary="Share an image",
    status_code=201,
    responses={200: {"model": Share}, 429: {}},
)
async def share_image(
    caller: Annotated[Caller, auth.person("images:write")], house: state.House, image_id: str, wanted: Wanted
) -> Response:
    """Shows the image to the person with this handle, or lets them rename it. Sharing with the same person again
    changes their access (200). Only the owner may."""
    return await _share(house, caller, images, image_id, wanted)


@router.delete(
    "/images/{image_id}/shares/{share_id}",
    operation_id="unshareImage",
    summary="End an image's share",
    status_code=204,
)
async def unshare_image(
    caller: Annotated[Caller, auth.person("images:write")], house: state.House, image_id: str, share_id: str
) -> None:
    """The person no longer sees the image, at once, unless a gallery shows it to them."""
    await house.database.transaction(lambda session: _end(session, caller, images, image_id, share_id))


@router.get(
    "/galleries/{gallery_id}/shares", operation_id="listGalleryShares", summary="List a gallery's shares"
)
async def list_gallery_shares(
    caller: Annotated[Caller, auth.person("gallery:read")],
    house: state.House,
    gallery_id: str,
    window: Window,
) -> paging.Page[Share]:
    """With whom you share the gallery, in the order you did."""
    return await _list(house, caller, galleries, gallery_id, window)


@router.post(
    "/galleries/{gallery_id}/shares",
    operation_id="shareGallery",
    response_model=Share,
    summary="Share a gallery",
    status_code=201,
    responses={200: {"model": Share}, 429: {}},
)
async def share_gallery(
    caller: Annotated[Caller, auth.person("gallery:write")],
    house: state.House,
    gallery_id: str,
    wanted: Wanted,
) -> Response:
    """Shows the gallery and every image in it to the person with this handle, or lets them edit it: rename, order, add
    their own images, take images out. Sharing with the same person again changes their access (200). Only the owner
    may."""
    return await _share(house, caller, galleries, gallery_id, wanted)


@router.delete(
    "/galleries/{gallery_id}/shares/{share_id}",
    operation_id="unshareGallery",
    summary="End a gallery's share",
    status_code=204,
)
async def unshare_gallery(
    caller: Annotated[Caller, auth.person("gallery:write")],
    house: state.House,
    gallery_id: str,
    share_id: str,
) -> None:
    """The person no longer sees the gallery, at once, and the images they added to it leave with them."""

    def end(session: Session) -> None:
        person = _end(session, caller, galleries, gallery_id, share_id)
        gallery = ownership.load(session, galleries, gallery_id, caller, Access.OWN)
        placements.withdraw(session, gallery, person, house.clock())

    await house.database.transaction(end)


async def _share(
    house: state.State, caller: Caller, table: sa.Table, object_id: str, wanted: NewShare
) -> Response:
    def share(session: Session) -> tuple[Share, bool] | Problem:
        # A refusal is returned, not raised: the try it cost must be kept.
        ownership.load(session, table, object_id, caller, Access.OWN)
        now = house.clock()
        if (wait := _try(session, caller.owner, now)) is not None:
            return Problem(
                "too_many_requests",
                f"You tried {TRIES} unknown handles within an hour.",
                headers={"Retry-After": str(wait)},
            )
        person = profile.find_by_handle(session, wanted.handle)
        if person is None:
            return Problem(
                "unknown_handle",
                "Nobody has this handle.",
                errors=[{"pointer": "/handle", "detail": "is nobody's"}],
            )
        _forgive(session, caller.owner)
        if person == caller.owner:
            return problems.invalid("/handle", "is your own")
        return _put(session, caller, table, object_id, person, wanted.access, now)

    outcome = await house.database.transaction(share)
    if isinstance(outcome, Problem):
        raise outcome
    shown, created = outcome
    return Response(shown.model_dump_json(), 201 if created else 200, media_type="application/json")


async def _list(
    house: state.State, caller: Caller, table: sa.Table, object_id: str, window: paging.Window
) -> paging.Page[Share]:
    place = (caller.owner, "shares", object_id)
    after = paging.read_id(window.cursor, *place)

    def read(session: Session) -> list[sa.Row[Any]]:
        row = ownership.load(session, table, object_id, caller, Access.OWN)
        statement = _joined().where(_column(table) == row.id)
        if after is not None:
            statement = statement.where(shares.c.id > after)
        return list(session.execute(statement.order_by(shares.c.id).limit(window.limit + 1)))

    page, last = paging.cut(await house.database.read(read), window.limit)
    return paging.Page(
        items=[_show(row) for row in page],
        next_cursor=paging.write_id(last.id, *place) if last is not None else None,
    )


def _put(
    session: Session, caller: Caller, table: sa.Table, object_id: str, person: str, access: str, now: float
) -> tuple[Share, bool]:
    """The share as it is now, and whether it is new: one row for each person, however many ask at the same time."""
    new_id, column = ids.new(), _column(table)
    statement = database.insert(session, shares).values(
        **{column.name: object_id},
        id=new_id,
        owner=caller.owner,
        person=person,
        access=access,
        created_at=now,
    )
    statement = statement.on_conflict_do_update(
        index_elements=[column, shares.c.person], set_={"access": statement.excluded.access}
    )
    share_id = session.execute(statement.returning(shares.c.id)).scalar_one()
    return _show(session.execute(_joined().where(shares.c.id == share_id)).one()), share_id == new_id


def _end(session: Session, caller: Caller, table: sa.Table, object_id: str, share_id: str) -> str:
    """Removes the share; whose it was. Raises `Problem` 404."""
    ownership.load(session, table, object_id, caller, Access.OWN)
    if not ids.canonical(share_id):
        raise problems.not_found()
    statement = sa.delete(shares).where(shares.c.id == share_id, _column(table) == object_id)
    person = session.execute(statement.returning(shares.c.person)).scalar_one_or_none()
    if person is None:
        raise problems.not_found()
    return str(person)


def _try(session: Session, owner: str, now: float) -> int | None:
    """Counts one try by one statement; None when it is permitted, else the seconds until it will be."""
    again = handle_tries.c.resets_at <= now
    statement = database.insert(session, handle_tries).values(
        owner=owner, count=1, resets_at=now + TRIES_SECONDS
    )
    statement = statement.on_conflict_do_update(
        index_elements=[handle_tries.c.owner],
        set_={
            "count": sa.case((again, 1), else_=handle_tries.c.count + 1),
            "resets_at": sa.case((again, now + TRIES_SECONDS), else_=handle_tries.c.resets_at),
        },
        where=sa.or_(again, handle_tries.c.count < TRIES),
    )
    if session.execute(statement.returning(handle_tries.c.count)).one_or_none() is not None:
        return None
    resets_at = sa.select(handle_tries.c.resets_at).where(handle_tries.c.owner == owner)
    return max(1, int(session.execute(resets_at).scalar_one() - now) + 1)


def _forgive(session: Session, owner: str) -> None:
    """A handle that exists costs no try."""
    session.execute(
        sa.update(handle_tries).where(handle_tries.c.owner == owner).values(count=handle_tries.c.count - 1)
    )


def _joined() -> sa.Select[Any]:
    return sa.select(shares, profiles.c.handle, profiles.c.display_name).join(
        profiles, profiles.c.owner == shares.c.person
    )


def _column(table: sa.Table) -> sa.Column[str]:
    return shares.c.image_id if table is images else shares.c.gallery_id


def _show(row: sa.Row[Any]) -> Share:
    return Share(
        id=row.id,
        handle=row.handle,
        display_name=row.display_name,
        access=row.access,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
    )

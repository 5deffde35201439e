"""A person's profile, `/me`: the handle by which others find them, and a display name.

A profile is opened by the person's first call that needs one (a balance likewise, in `credits.py`). It starts empty:
nothing in it comes from the token, least of all an e-mail address.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import pydantic
import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import AfterValidator, Field
from sqlalchemy import exc
from sqlalchemy.orm import Session

from . import auth, database, inputs, state
from .auth import Caller
from .database import metadata
from .problems import Problem

router = APIRouter(tags=["Profile"])

profiles = sa.Table(
    "profiles",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("handle", sa.Text, unique=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
)

RESERVED = frozenset(
    {
        "about",
        "abuse",
        "account",
        "admin",
        "administrator",
        "anonymous",
        "api",
        "app",
        "apps",
        "auth",
        "billing",
        "credits",
        "docs",
        "everyone",
        "gallery",
        "galleries",
        "help",
        "images",
        "info",
        "login",
        "logout",
        "mail",
        "me",
        "moderator",
        "nobody",
        "null",
        "official",
        "owner",
        "postmaster",
        "privacy",
        "register",
        "root",
        "security",
        "settings",
        "share",
        "shares",
        "staff",
        "support",
        "system",
        "team",
        "undefined",
        "user",
        "webmaster",
        "you",
    }
)
"""Handles nobody may have: they would pass for us, or for a word of the interface."""


def fold(handle: str) -> str:
    """The form in which handles are kept and compared: ASCII lower case."""
    return handle.lower()


def _handle(text: str) -> str:
    folded = fold(text)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{2,29}", folded):
        raise ValueError(
            "must have 3 to 30 of the characters a-z, 0-9, _ and -, and begin with a letter or digit"
        )
    if folded in RESERVED:
        raise ValueError("is reserved")
    return folded


class Me(pydantic.BaseModel):
    handle: str | None = Field(
        description="By which others share with you; null until chosen.", examples=["ana"]
    )
    display_name: str = Field(examples=["Ana Silva"])
    created_at: datetime
    updated_at: datetime


class MeChange(inputs.Body):
    """What may be changed; members left out stay as they are. `handle: null` gives the handle up."""

    handle: Annotated[str, AfterValidator(_handle)] | None = Field(default=None, examples=["ana"])
    display_name: Annotated[inputs.Line, inputs.text(0, 80)] = Field(default="", examples=["Ana Silva"])


def open_(session: Session, owner: str, now: float) -> sa.Row[Any]:
    """The profile, opened empty exactly once a person, however many ask at the same time."""
    session.execute(
        database.insert(session, profiles)
        .values(owner=owner, handle=None, display_name="", created_at=now, updated_at=now)
        .on_conflict_do_nothing(index_elements=[profiles.c.owner])
    )
    return session.execute(sa.select(profiles).where(profiles.c.owner == owner)).one()


def find(session: Session, owner: str) -> sa.Row[Any] | None:
    return session.execute(sa.select(profiles).where(profiles.c.owner == owner)).one_or_none()


def find_by_handle(session: Session, handle: str) -> str | None:
    """The owner who has chosen this handle, in any case, or None."""
    return session.execute(
        sa.select(profiles.c.owner).where(profiles.c.handle == fold(handle))
    ).scalar_one_or_none()


def change(session: Session, owner: str, now: float, **values: Any) -> sa.Row[Any]:
    """The changed profile. Raises `Problem` 409 when somebody else has the handle."""
    statement = sa.update(profiles).where(profiles.c.owner == owner).values(**values, updated_at=now)
    try:
        return session.execute(statement.returning(profiles)).one()
    except exc.IntegrityError:
        raise Problem("conflict", "Somebody else has this handle. Choose another one.") from None


async def ensure(house: state.State, caller: Caller) -> sa.Row[Any]:
    """The caller's profile, opened now when this is the first call. One read, except that first time."""
    found = await house.database.read(lambda session: find(session, caller.owner))
    if found is None:
        return await house.database.transaction(lambda session: open_(session, caller.owner, house.clock()))
    return found


@router.get("/me", operation_id="getMe", summary="Read your profile")
async def get_me(caller: Annotated[Caller, auth.person("profile:read")], house: state.House) -> Me:
    """Your handle and display name. The first call opens an empty profile."""
    return _shown(await ensure(house, caller))


@router.patch("/me", operation_id="changeMe", summary="Change your profile", responses={409: {}})
async def change_me(
    caller: Annotated[Caller, auth.person("profile:write")],
    house: state.House,
    wanted: Annotated[MeChange, inputs.json_body(MeChange)],
) -> Me:
    """Choose a handle, or change your display name. Handles are compared without regard to case."""
    await ensure(house, caller)
    values = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    return _shown(
        await house.database.transaction(
            lambda session: change(session, caller.owner, house.clock(), **values)
        )
    )


def _shown(row: sa.Row[Any]) -> Me:
    return Me(
        handle=row.handle,
        display_name=row.display_name,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        updated_at=datetime.fromtimestamp(row.updated_at, UTC),
    )

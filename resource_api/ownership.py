"""Whose is it: the only way to load or create an object, and the tables of the objects themselves.

An object is an image or a gallery. Everyone who reaches one reaches it here, in one statement that carries the caller:
as its owner, by a share, or, for an image, by a gallery that holds it and that the caller may see. What is not reached
does not exist (404); what is seen but may not be done is 403. Routes and the shape of answers live in the modules named
after the objects.

A share belongs to an object and to the person it is given to. Only the owner of an image puts it into a gallery, so
nobody passes on what was merely shown to them; whoever may edit a gallery may take images out of it and order them.
"""

import enum
import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from . import ids, problems
from .auth import Caller
from .database import metadata

images = sa.Table(
    "images",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("prompt", sa.Text),
    sa.Column("seed", sa.BigInteger),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.CheckConstraint("source IN ('generated', 'uploaded')", name="source"),
    sa.Index(None, "owner", "id"),
)

galleries = sa.Table(
    "galleries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Index(None, "owner", "id"),
)

placements = sa.Table(
    "placements",
    metadata,
    sa.Column("gallery_id", sa.Text, sa.ForeignKey("galleries.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("image_id", sa.Text, sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("added_at", sa.Double, nullable=False),
    sa.Index(None, "image_id"),
    sa.Index(None, "gallery_id", "position"),
)

shares = sa.Table(
    "shares",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("image_id", sa.Text, sa.ForeignKey("images.id", ondelete="CASCADE")),
    sa.Column("gallery_id", sa.Text, sa.ForeignKey("galleries.id", ondelete="CASCADE")),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("access", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.CheckConstraint("access IN ('read', 'edit')", name="access"),
    sa.CheckConstraint("(image_id IS NULL) <> (gallery_id IS NULL)", name="one_object"),
    sa.CheckConstraint("person <> owner", name="another"),
    sa.UniqueConstraint("image_id", "person"),
    sa.UniqueConstraint("gallery_id", "person"),
    sa.Index(None, "person"),
)

Row = sa.Row[Any]
"""A row of `images` or `galleries`, with one column more: `access`, an `Access` as a number."""


class Access(enum.IntEnum):
    """How far a caller reaches. Deleting, sharing on and spending need `OWN`."""

    NONE = 0
    READ = 1
    EDIT = 2
    OWN = 3


def visible(table: sa.Table, caller: Caller) -> sa.Select[Any]:
    """The rows of `table` that `caller` sees, each with its `access`. Every list and every look-up starts here."""
    return _visible(table, sa.literal(caller.owner))


def load(
    session: Session,
    table: sa.Table,
    object_id: str,
    caller: Caller,
    needs: Access = Access.READ,
    also: Sequence[sa.ColumnElement[Any]] = (),
) -> Row:
    """The object, if the caller sees it and may do what `needs` says; with `also` as further columns.

    Raises `Problem`: 404 for what the caller does not see, existing or not; 403 for what is seen and not permitted.
    """
    if not ids.canonical(object_id):
        raise problems.not_found()
    chosen = {"object_id": object_id, "reader": caller.owner}
    if needs > Access.READ:
        # Whoever means to change it waits for whoever is changing it. After such a wait PostgreSQL looks at this row
        # again, but at shares and placements as they were before it: so what may be done is asked once it is locked.
        session.execute(_only(table).with_for_update(of=table), chosen)
    row = session.execute(_only(table).add_columns(*also) if also else _only(table), chosen).one_or_none()
    if row is None:
        raise problems.not_found()
    if row.access < needs:
        raise problems.not_owner()
    return row


@functools.cache
def _only(table: sa.Table) -> sa.Select[Any]:
    """One object. Made once: to build this statement and its cache key costs more than to run it."""
    return _visible(table, sa.bindparam("reader", type_=sa.Text)).where(
        table.c.id == sa.bindparam("object_id")
    )


def create(session: Session, table: sa.Table, caller: Caller, **values: Any) -> Row:
    """A new object of the caller's; `values` name neither `id`, unless it was made before, nor `owner`."""
    values.setdefault("id", ids.new())
    statement = sa.insert(table).values(**values, owner=caller.owner)
    return session.execute(statement.returning(table, sa.literal(int(Access.OWN)).label("access"))).one()


def change(session: Session, table: sa.Table, row: Row, **values: Any) -> Row:
    """The loaded object with new values. Raises `Problem` 404 when it has been deleted meanwhile."""
    statement = sa.update(table).where(table.c.id == row.id, table.c.owner == row.owner).values(**values)
    changed = session.execute(
        statement.returning(table, sa.literal(int(row.access)).label("access"))
    ).one_or_none()
    if changed is None:
        raise problems.not_found()
    return changed


def remove(session: Session, table: sa.Table, row: Row) -> None:
    """Deletes the loaded object, its shares and placements. Raises `Problem` 404 when another was first."""
    statement = sa.delete(table).where(table.c.id == row.id, table.c.owner == row.owner)
    if session.execute(statement.returning(table.c.id)).one_or_none() is None:
        raise problems.not_found()


def _visible(table: sa.Table, reader: sa.ColumnElement[str]) -> sa.Select[Any]:
    access = _access(table, reader)
    return sa.select(table, access.label("access")).where(access > Access.NONE)


def _access(table: sa.Table, reader: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
    """How far the reader reaches, as one expression over a row of `table`."""
    column = shares.c.image_id if table is images else shares.c.gallery_id
    share = sa.select(shares.c.access).where(column == table.c.id, shares.c.person == reader)
    reached: list[tuple[sa.ColumnElement[bool], Any]] = [
        (table.c.owner == reader, int(Access.OWN)),
        (share.where(shares.c.access == "edit").exists(), int(Access.EDIT)),
        (share.exists(), int(Access.READ)),
    ]
    if table is images:
        reached.append((_in_a_visible_gallery(reader), int(Access.READ)))
    return sa.case(*reached, else_=int(Access.NONE))


def _in_a_visible_gallery(reader: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    given = sa.select(shares.c.id).where(shares.c.gallery_id == galleries.c.id, shares.c.person == reader)
    return (
        sa.select(placements.c.image_id)
        .join(galleries, galleries.c.id == placements.c.gallery_id)
        .where(placements.c.image_id == images.c.id)
        .where(sa.or_(galleries.c.owner == reader, given.exists()))
        .exists()
    )

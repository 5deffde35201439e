"""How many bytes of images an owner keeps: one number an owner, which no transaction can raise beyond the limit.

A sum over the owner's images would do for one caller at a time. Two transactions at once do not see each other's
image, and both sums fit: so whoever adds an image moves this row, by one statement that carries its own condition,
and waits here for whoever else is adding. The number is the sum of `images.size_bytes` after every transaction.

Locks are taken in one order, so nobody waits in a circle: image, storage, idempotency key, balance.
"""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from . import database
from .database import metadata
from .problems import Problem

storage = sa.Table(
    "storage",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.CheckConstraint("bytes >= 0", name="not_negative"),
)


def take(session: Session, owner: str, size: int, limit: int) -> None:
    """Counts `size` bytes more, or raises `Problem` 413 `quota_exceeded` and counts none."""
    statement = database.insert(session, storage).values(owner=owner, bytes=size)
    total = storage.c.bytes + statement.excluded.bytes
    raised = statement.on_conflict_do_update(
        index_elements=[storage.c.owner], set_={"bytes": total}, where=total <= limit
    ).returning(storage.c.bytes)
    # The condition guards a row that exists; the first image of an owner is compared here.
    if size > limit or session.execute(raised).one_or_none() is None:
        raise Problem("quota_exceeded", f"All your images together may have {limit:,} bytes.")


def give_back(session: Session, owner: str, size: int) -> None:
    """Counts `size` bytes less."""
    # Never below zero: an image that a program without this table has added could not be deleted.
    left = sa.case((storage.c.bytes > size, storage.c.bytes - size), else_=0)
    session.execute(sa.update(storage).where(storage.c.owner == owner).values(bytes=left))

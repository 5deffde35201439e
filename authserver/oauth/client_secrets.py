"""Client secrets: made by us, kept as digests, at most two live at a time so that they rotate without downtime."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import credentials, database

MAX_OVERLAP_SECONDS = 30 * 86400

table = sa.Table(
    "client_secrets",
    database.metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column(
        "client_id",
        sa.Text,
        sa.ForeignKey("clients.client_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double, index=True),
)

# Compared when there is nothing to compare with, so that an unknown client takes as long as a known one.
_NOBODYS = credentials.digest("cs_nobody")


@dataclass(frozen=True)
class ClientSecret:
    """What is kept of one secret. `expires_at` is None for the current one."""

    digest: bytes
    created_at: float
    expires_at: float | None


def add(session: Session, client_id: str, *, now: float) -> str:
    """Make a secret and keep its digest; returns the text, which is shown once and never again."""
    secret = credentials.new_token("cs")
    session.execute(
        sa.insert(table).values(digest=credentials.digest(secret), client_id=client_id, created_at=now)
    )
    return secret


def of(session: Session, client_id: str) -> tuple[ClientSecret, ...]:
    """The client's secrets, newest first, expired ones included."""
    query = (
        sa.select(table.c.digest, table.c.created_at, table.c.expires_at)
        .where(table.c.client_id == client_id)
        .order_by(table.c.created_at.desc(), table.c.expires_at.is_not(None))
    )
    return tuple(
        ClientSecret(bytes(digest), created, expires) for digest, created, expires in session.execute(query)
    )


def rotate(session: Session, client_id: str, *, now: float, overlap_seconds: float) -> str:
    """Make a new secret. Of the old ones the current works `overlap_seconds` more, any older ends now.

    Raises ValueError for an overlap outside 0 and MAX_OVERLAP_SECONDS.
    """
    if not 0 <= overlap_seconds <= MAX_OVERLAP_SECONDS:
        raise ValueError(f"The overlap is between 0 and {MAX_OVERLAP_SECONDS} seconds.")
    mine = table.c.client_id == client_id
    session.execute(sa.delete(table).where(mine, table.c.expires_at.is_not(None)))
    session.execute(sa.update(table).where(mine).values(expires_at=now + overlap_seconds))
    return add(session, client_id, now=now)


def matches(kept: Iterable[ClientSecret], secret: str, now: float) -> bool:
    """Whether `secret` is one of these and still valid; takes the same time for none, one or two."""
    digest = credentials.digest(secret)
    found = False
    live = [one.digest for one in kept if one.expires_at is None or now < one.expires_at][:2]
    for candidate in (*live, *[_NOBODYS] * (2 - len(live))):
        found |= credentials.same(candidate, digest)
    return found


def delete_expired(session: Session, now: float, limit: int) -> int:
    """Delete at most `limit` secrets that no longer work; returns how many."""
    return database.delete_batch(session, table.c.expires_at, now, limit)

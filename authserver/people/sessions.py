"""Browser sessions: who signed in where. The cookie holds a random token, the table its digest.

A session ends by itself when unused for long, after its absolute time, when its person is disabled, or when
something raised `users.valid_from` after it began.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import orm

from .. import audit, credentials, database
from ..settings import Settings
from . import users

PREFIX = "se"
TOUCH_SECONDS = 60

table = sa.Table(
    "sessions",
    database.metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", sa.Double, nullable=False, index=True),
    sa.Column("seen_at", sa.Double, nullable=False, index=True),
    sa.Column("auth_time", sa.Double, nullable=False),
    sa.Column("amr", sa.JSON, nullable=False),
    sa.Column("acr", sa.Text),
    sa.Column("user_agent", sa.Text, nullable=False),
    sa.Column("ip", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Session:
    """One session. `id` names it on pages and in tokens (`sid`); it opens nothing."""

    id: str
    user_id: str
    created_at: float
    seen_at: float
    auth_time: float
    amr: tuple[str, ...]
    acr: str | None
    user_agent: str
    ip: str


def start(
    session: orm.Session,
    user_id: str,
    *,
    now: float,
    amr: tuple[str, ...],
    acr: str | None = None,
    user_agent: str = "",
    ip: str = "",
) -> str:
    """Begin a session of somebody who has just proven who they are. Returns the token for the cookie."""
    token = credentials.new_token(PREFIX)
    session.execute(
        sa.insert(table).values(
            digest=credentials.digest(token),
            id=credentials.new_id(now),
            user_id=user_id,
            created_at=now,
            seen_at=now,
            auth_time=now,
            amr=list(amr),
            acr=acr,
            user_agent=user_agent[:500],
            ip=ip,
        )
    )
    return token


def find(session: orm.Session, token: str, now: float, settings: Settings) -> Session | None:
    """The session of this token if it is alive; no statement when the text can't be a token."""
    if not credentials.well_formed(token, PREFIX):
        return None
    chosen = {"presented": credentials.digest(token), **_times(now, settings)}
    row = session.execute(_FIND, chosen).mappings().one_or_none()
    return None if row is None else _session(row)


def list_of(session: orm.Session, user_id: str, now: float, settings: Settings) -> list[Session]:
    """A person's living sessions, the one used last first."""
    query = _ALIVE.where(table.c.user_id == user_id).order_by(table.c.seen_at.desc())
    return [_session(row) for row in session.execute(query, _times(now, settings)).mappings()]


def touch(session: orm.Session, token: str, now: float) -> None:
    """Note that the session is in use; see `is_due` for when that is worth a write."""
    alive = table.c.digest == credentials.digest(token)
    session.execute(sa.update(table).where(alive, table.c.seen_at < now).values(seen_at=now))


def is_due(row: Session, now: float) -> bool:
    """Whether the last note of use is older than a minute."""
    return now - row.seen_at >= TOUCH_SECONDS


def end(session: orm.Session, token: str) -> None:
    """End the session of this token, if there is one."""
    session.execute(sa.delete(table).where(table.c.digest == credentials.digest(token)))


def end_one(session: orm.Session, user_id: str, session_id: str) -> bool:
    """End one of a person's own sessions by its id; False when it isn't theirs or was over."""
    own = sa.delete(table).where(table.c.id == session_id, table.c.user_id == user_id)
    return session.execute(own.returning(table.c.id)).first() is not None


def end_all(session: orm.Session, user_id: str, *, now: float, but: str | None = None) -> None:
    """End every session of a person, except the one with the token `but`."""
    condition = table.c.user_id == user_id
    if but is not None:
        condition &= table.c.digest != credentials.digest(but)
    session.execute(sa.delete(table).where(condition))
    audit.record(session, "sessions_ended", now=now, user_id=user_id)


def delete_expired(session: orm.Session, now: float, limit: int, *, settings: Settings) -> int:
    """Delete at most `limit` sessions that are over by time; returns how many."""
    too_old, unused = now - settings.session_absolute_seconds, now - settings.session_idle_seconds
    deleted = database.delete_batch(session, table.c.created_at, too_old, limit)
    return deleted + database.delete_batch(session, table.c.seen_at, unused, limit - deleted)


_columns = [table.c[name] for name in Session.__dataclass_fields__]


_ALIVE = (
    sa.select(*_columns)
    .join(users.table, users.table.c.id == table.c.user_id)
    .where(
        table.c.created_at > sa.bindparam("begun_since"),
        table.c.seen_at > sa.bindparam("seen_since"),
        users.table.c.disabled_at.is_(None),
        users.table.c.valid_from <= table.c.created_at,
    )
)
# Made once: to build a statement and its cache key costs as much as to sign.
_FIND = _ALIVE.where(table.c.digest == sa.bindparam("presented"))


def _times(now: float, settings: Settings) -> dict[str, float]:
    """The values of a statement about living sessions."""
    return {
        "begun_since": now - settings.session_absolute_seconds,
        "seen_since": now - settings.session_idle_seconds,
    }


def _session(row: sa.RowMapping) -> Session:
    return Session(**{**row, "amr": tuple(row["amr"])})

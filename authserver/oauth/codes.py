"""Authorization codes: 60 seconds, one use, bound to client, redirect URI, PKCE challenge and audience.

A code is claimed by one UPDATE after everything else was checked, so a wrong verifier, redirect or client
changes nothing. The used row stays as a tombstone until the last token it gave has expired: a second use is
recognised even late (RFC 6749 §4.1.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin
from sqlalchemy.orm import Session

from .. import credentials, database
from ..people import users

PREFIX = "ac"
# A used or expired code is kept this long, so that its replay is told from an unknown code.
KEEP_SECONDS = 3600 + 60

table = sa.Table(
    "authorization_codes",
    database.metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("grant_id", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("code_challenge", sa.Text),
    sa.Column("auth_time", sa.Double, nullable=False),
    sa.Column("amr", sa.JSON, nullable=False),
    sa.Column("acr", sa.Text),
    sa.Column("sid", sa.Text),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.Column("used_at", sa.Double),
    sa.Column("keep_until_at", sa.Double, nullable=False, index=True),
)


# Made once: to build a statement and its cache key costs as much as to sign.
_ADD = sa.insert(table)
_FIND = (
    sa.select(
        *[column for column in table.c if column.name != "keep_until_at"],
        sa.and_(users.table.c.disabled_at.is_(None), users.table.c.valid_from <= table.c.auth_time).label(
            "person_may"
        ),
    )
    .outerjoin(users.table, users.table.c.id == table.c.user_id)
    .where(table.c.digest == sa.bindparam("presented"))
)
_CLAIM = (
    sa.update(table)
    .where(
        table.c.digest == sa.bindparam("presented"),
        table.c.used_at.is_(None),
        table.c.expires_at > sa.bindparam("now"),
    )
    .values(used_at=sa.bindparam("now"))
    .returning(table.c.digest)
)


@dataclass(frozen=True)
class Code(AuthorizationCodeMixin):
    """One code. `person_may` says whether its person is still who they were when they signed in."""

    digest: bytes
    grant_id: str
    client_id: str
    user_id: str
    redirect_uri: str
    audience: str
    scope: str
    code_challenge: str | None
    auth_time: float
    amr: tuple[str, ...]
    acr: str | None
    sid: str | None
    created_at: float
    expires_at: float
    used_at: float | None
    person_may: bool

    # A code has a challenge only of this kind (see `pkce`).
    code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


def add(session: Session, *, now: float, lifetime_seconds: float, **bound_to: Any) -> str:
    """Make a code bound to `bound_to` (the columns from grant_id to sid); returns its text."""
    code = credentials.new_token(PREFIX)
    row = {
        "digest": credentials.digest(code),
        "created_at": now,
        "expires_at": now + lifetime_seconds,
        "keep_until_at": now + lifetime_seconds + KEEP_SECONDS,
    }
    session.execute(_ADD, row | bound_to)
    return code


def find(session: Session, code: str) -> Code | None:
    """The code with its person's standing, used and expired ones included; None when there is none."""
    if not credentials.well_formed(code, PREFIX):
        return None
    row = session.execute(_FIND, {"presented": credentials.digest(code)}).mappings().one_or_none()
    if row is None:
        return None
    values = dict(row)
    return Code(**values | {"amr": tuple(values["amr"]), "person_may": bool(values["person_may"])})


def claim(session: Session, code: Code, *, now: float) -> bool:
    """Take the code for its one use; True for exactly one caller, and only before it expires."""
    return session.execute(_CLAIM, {"presented": code.digest, "now": now}).first() is not None


def was_used(session: Session, code: Code) -> bool:
    """Whether somebody has claimed this code by now."""
    return (
        session.execute(sa.select(table.c.used_at).where(table.c.digest == code.digest)).scalar() is not None
    )


def delete_expired(session: Session, now: float, limit: int) -> int:
    """Delete at most `limit` codes whose last token has expired; returns how many."""
    return database.delete_batch(session, table.c.keep_until_at, now, limit)

"""Authorization requests that wait for a person: parameters frozen once checked, for ten minutes.

Sign-in and consent carry only the id (`ar_…`); the row is bound to the first browser that opens it, and the
decision claims it by one UPDATE. Reading it again, or reloading a page, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import credentials, database

PREFIX = "ar"

table = sa.Table(
    "authorization_requests",
    database.metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    # Digest of the browser's cookie; empty until a browser opens the request.
    sa.Column("browser", sa.LargeBinary),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("code_challenge", sa.Text),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("max_age", sa.Integer),
    sa.Column("login_hint", sa.Text),
    sa.Column("ui_locales", sa.Text),
    # The session that was open when the request came: a login asked for must be a newer one.
    sa.Column("session_id", sa.Text),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False, index=True),
    sa.Column("decided_at", sa.Double),
)


@dataclass(frozen=True)
class AuthorizationRequest:
    """One request as it was checked. `id` is the text in addresses, empty while the row isn't stored."""

    id: str
    client_id: str
    redirect_uri: str
    state: str | None
    audience: str
    scope: str
    code_challenge: str | None
    prompt: str
    max_age: int | None
    login_hint: str | None
    ui_locales: str | None
    session_id: str | None
    created_at: float
    expires_at: float

    @property
    def prompts(self) -> frozenset[str]:
        return frozenset(self.prompt.split())

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.scope.split())


class RequestGone(Exception):
    """The request is unknown, expired, already answered, or another browser's."""


_FIELDS = [name for name in AuthorizationRequest.__dataclass_fields__ if name != "id"]
_READ = [table.c[name] for name in _FIELDS]


def add(session: Session, request: AuthorizationRequest, browser: str | None) -> str:
    """Keep a checked request, bound to `browser` if that is known by now; returns its id."""
    request_id = credentials.new_token(PREFIX)
    session.execute(
        sa.insert(table).values(
            digest=credentials.digest(request_id),
            browser=credentials.digest(browser) if browser else None,
            **{name: getattr(request, name) for name in _FIELDS},
        )
    )
    return request_id


def find(session: Session, request_id: str, browser: str, *, now: float) -> AuthorizationRequest:
    """The waiting request, bound to this browser from now on. Raises RequestGone."""
    if not browser:
        raise RequestGone
    mine = _waiting(request_id, browser, now)
    row = session.execute(sa.select(*_READ, table.c.browser).where(mine)).mappings().first()
    if row is not None and row["browser"] is None:
        bind = sa.update(table).where(mine).values(browser=credentials.digest(browser)).returning(*_READ)
        row = session.execute(bind).mappings().first()
    if row is None:
        raise RequestGone
    return _request(request_id, row)


def claim(session: Session, request_id: str, browser: str, *, now: float) -> AuthorizationRequest:
    """Take the request for its one decision. Raises RequestGone for everyone but the first."""
    statement = (
        sa.update(table).where(_waiting(request_id, browser, now)).values(decided_at=now).returning(*_READ)
    )
    row = session.execute(statement).mappings().first()
    if row is None:
        raise RequestGone
    return _request(request_id, row)


def end_all(session: Session, *, now: float) -> None:
    """Let no request wait any longer."""
    session.execute(sa.update(table).where(table.c.expires_at > now).values(expires_at=now))


def delete_expired(session: Session, now: float, limit: int) -> int:
    """Delete at most `limit` requests past their time; returns how many."""
    return database.delete_batch(session, table.c.expires_at, now, limit)


def _waiting(request_id: str, browser: str, now: float) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.digest == credentials.digest(request_id),
        sa.or_(table.c.browser.is_(None), table.c.browser == credentials.digest(browser)),
        table.c.decided_at.is_(None),
        table.c.expires_at > now,
    )


def _request(request_id: str, row: Any) -> AuthorizationRequest:
    return AuthorizationRequest(id=request_id, **{name: row[name] for name in _FIELDS})

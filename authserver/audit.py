"""What happened that somebody may have to explain later: an append-only table, and the list of its events.

There is no verb that changes or deletes a row, and the database refuses it as well. Never a secret: what was
presented stays out, and names that smell of one are refused.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from . import credentials, database

EVENTS: Mapping[str, str] = {
    "signed_in": "A person signed in.",
    "sign_in_failed": "Somebody tried to sign in and failed.",
    "sign_in_throttled": "Somebody tried to sign in during a pause after too many failures.",
    "signed_out": "A person signed out.",
    "account_created": "A person registered.",
    "user_created": "An administrator made an account.",
    "user_disabled": "An account was disabled; its sessions and tokens ended.",
    "user_enabled": "A disabled account may sign in again.",
    "password_changed": "A password was changed; earlier sessions and tokens ended.",
    "sessions_ended": "All browser sessions of a person were ended.",
    "password_grant_failed": "A first-party app presented a wrong username or password.",
    "client_authentication_failed": "A client could not prove who it is.",
    "consent_granted": "A person allowed an app what it asked.",
    "consent_denied": "A person refused what an app asked.",
    "token_issued": "An access token was issued.",
    "token_revoked": "A token was revoked at the wish of its client.",
    "code_replayed": "An authorization code was used again; everything that came of it was revoked.",
    "refresh_reuse": "A refresh token came back after its successor was used; its whole family was revoked.",
    "client_created": "A client was registered.",
    "client_changed": "A client's registration was changed.",
    "client_secret_rotated": "A client got a new secret.",
    "client_disabled": "A client was disabled; its tokens ended.",
    "client_enabled": "A disabled client may ask for tokens again.",
    "api_created": "An API was registered.",
    "api_renamed": "An API was given another identifier.",
    "scope_added": "An API was given a scope.",
    "key_created": "A signing key was made.",
    "key_rotated": "Another signing key signs from now on.",
    "key_revoked": "A signing key was unpublished before its time.",
    "restored": "The database came from a backup; all sessions, codes and tokens from before ended.",
    "secret_rotated": "What is stored encrypted was encrypted with a new key.",
}

FAILURES = frozenset(
    name for name in EVENTS if name.endswith(("_failed", "_throttled", "_denied", "_replayed", "_reuse"))
)
BUFFER_LENGTH = 10_000
_BATCH = 500
_MAX_LENGTH = 1_000
_SECRET_WORDS = frozenset({"password", "secret", "token", "code", "verifier", "cookie", "authorization"})

table = sa.Table(
    "events",
    database.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text),
    sa.Column("client_id", sa.Text),
    sa.Column("grant_id", sa.Text),
    sa.Column("ip", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
)
# What became of one person, and what one client did, newest first: ids sort by time. Each token writes a row, so what
# no page asks for has no index, nor have the many events without a person an entry in theirs: the migration makes
# them partial. To say so here as well would load the dialects of both databases at each start.
for _about in (table.c.user_id, table.c.client_id):
    sa.Index(None, _about, table.c.id)


@dataclass(frozen=True)
class Context:
    """The request during which something happens. Both are empty for the command line and background work."""

    request_id: str = ""
    ip: str = ""


context: ContextVar[Context] = ContextVar("audit", default=Context())  # noqa: B039  it is frozen


@dataclass(frozen=True)
class Event:
    """One row, as it was written."""

    id: str
    at: float
    event: str
    outcome: str
    user_id: str | None
    client_id: str | None
    grant_id: str | None
    ip: str
    request_id: str
    details: dict[str, Any]


def record(session: Session, event: str, *, now: float, **facts: Any) -> None:
    """Write an event in this transaction: it is kept if and only if what it tells of is.

    `facts` may name outcome (success or failure unless told), user_id, client_id and grant_id; the others are
    details. Raises ValueError for an event that isn't in EVENTS, or a detail that is named like a secret.
    """
    session.execute(sa.insert(table), _row(event, now, facts))


def list_page(
    session: Session,
    *,
    before: str | None = None,
    limit: int = 100,
    event: str | None = None,
    user_id: str | None = None,
    client_id: str | None = None,
) -> list[Event]:
    """Events, newest first, at most `limit`, older than the one with id `before`."""
    query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(table.c.id < before)
    for column, value in ((table.c.event, event), (table.c.user_id, user_id), (table.c.client_id, client_id)):
        if value is not None:
            query = query.where(column == value)
    return [Event(**row) for row in session.execute(query).mappings()]


class Buffer:
    """Events of the hot path, written together each second; a crash may lose the last second of them."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, Any]] = deque(maxlen=BUFFER_LENGTH)
        self._lock = threading.Lock()
        self.lost = 0

    def add(self, event: str, *, now: float, **facts: Any) -> None:
        """Like `record`, a little later. While the database is away the newest are kept; `lost` counts the others."""
        row = _row(event, now, facts)
        with self._lock:
            self.lost += len(self._rows) == BUFFER_LENGTH
            self._rows.append(row)

    async def flush(self, store: database.Database) -> None:
        """Write what was added. Raises database.UnavailableError; then nothing is lost and the next flush tries."""
        while self._rows:
            with self._lock:
                rows = [self._rows[number] for number in range(min(_BATCH, len(self._rows)))]
            await store.transaction(functools.partial(_write, rows))
            written = {row["id"] for row in rows}
            with self._lock:
                while self._rows and self._rows[0]["id"] in written:
                    self._rows.popleft()


def _write(rows: list[dict[str, Any]], session: Session) -> None:
    # A flush whose answer got lost is tried again, and must not write twice.
    statement = database.insert(session, table).on_conflict_do_nothing(index_elements=["id"])
    assert session.bind is not None
    if session.bind.dialect.name == "postgresql":
        # All rows as one parameter: to bind and run them one by one takes this process twice as long.
        rows_of = sa.func.json_to_recordset(sa.bindparam("rows", type_=sa.JSON))
        columns = [sa.column(column.name, column.type) for column in table.columns]
        given = rows_of.table_valued(*columns).render_derived(with_types=True)
        session.execute(statement.from_select([*table.columns.keys()], sa.select(given)), {"rows": rows})
    else:
        session.execute(statement, rows)


def _row(event: str, now: float, facts: dict[str, Any]) -> dict[str, Any]:
    if event not in EVENTS:
        raise ValueError(f"{event} is not in audit.EVENTS")
    where = context.get()
    columns = {name: facts.pop(name, None) for name in ("user_id", "client_id", "grant_id")}
    outcome = facts.pop("outcome", None) or ("failure" if event in FAILURES else "success")
    for name in facts:
        if not _SECRET_WORDS.isdisjoint(name.split("_")):
            raise ValueError(f"{name} sounds like a secret: it can't be a detail of an event")
    return {
        "id": credentials.new_id(),
        "at": now,
        "event": event,
        "outcome": outcome,
        **columns,
        "ip": where.ip,
        "request_id": where.request_id,
        "details": {name: _short(value) for name, value in facts.items() if value is not None},
    }


def _short(value: Any) -> Any:
    return value[:_MAX_LENGTH] if isinstance(value, str) else value

"""The deny list: access tokens that are refused before they expire.

An entry names one token (`jti`), everything that came of one grant (`grant_id`), everything a client got up to
a moment, or everything that anybody got. People aren't listed here: `people` raises their `valid_from`, which
`access_tokens` compares.
Entries stay until a day after the last token concerned has expired. A resource server that verifies offline never asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import cache, credentials, database

TOKEN, GRANT, CLIENT, EVERYTHING = "token", "grant", "client", "everything"
# The longest any access token lives (clients.ACCESS_TOKEN_SECONDS), and the leeway of who checks it.
KEEP_SECONDS = 3600 + 60
# And longer, should the clock of whoever sweeps be ahead: set right again, it must not find the tokens still alive.
AHEAD_SECONDS = 86_400

table = sa.Table(
    "denials",
    database.metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("denied_at", sa.Double, nullable=False),
    sa.Column("until_at", sa.Double, nullable=False, index=True),
)


def deny(session: Session, kind: str, subject: str, *, now: float) -> bool:
    """List something from `now` on; every process knows within a second. False when it was listed already
    (a grant or token stays listed as it is; of a client, or of everything, the date moves to now)."""
    values = {"kind": kind, "subject": subject, "denied_at": now, "until_at": now + KEEP_SECONDS}
    statement = database.insert(session, table).values(values)
    if kind in (CLIENT, EVERYTHING):
        statement = statement.on_conflict_do_update(
            index_elements=["kind", "subject"], set_={"denied_at": now, "until_at": now + KEEP_SECONDS}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=["kind", "subject"])
    fresh = session.execute(statement.returning(table.c.kind)).first() is not None
    if fresh:
        cache.changed(session, "denied", f"{kind}/{subject}")
    return fresh


def denied(shared: cache.Cache, session: Session, claims: Mapping[str, Any]) -> bool:
    """Whether the access token with these (verified) claims is listed."""
    if _listed_at(shared, session, TOKEN, claims["jti"]) is not None:
        return True
    grant_id = claims.get("grant_id")
    if grant_id is not None and _listed_at(shared, session, GRANT, grant_id) is not None:
        return True
    for kind, subject in ((CLIENT, claims["client_id"]), (EVERYTHING, "")):
        stopped_at = _listed_at(shared, session, kind, subject)
        if stopped_at is not None and credentials.made_before(claims["jti"], stopped_at):
            return True
    return False


def _listed_at(shared: cache.Cache, session: Session, kind: str, subject: str) -> float | None:
    def load(session: Session, _key: str) -> float | None:
        query = sa.select(table.c.denied_at).where(table.c.kind == kind, table.c.subject == subject)
        return session.execute(query).scalar_one_or_none()

    return shared.get(session, "denied", f"{kind}/{subject}", load)


def delete_expired(session: Session, now: float, limit: int) -> int:
    """Delete at most `limit` entries whose tokens have all expired long ago; returns how many."""
    return database.delete_batch(session, table.c.until_at, now - AHEAD_SECONDS, limit)

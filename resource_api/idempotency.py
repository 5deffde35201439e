"""`Idempotency-Key`: a request that is repeated with its key has one effect and one answer.

The answer is stored by the very transaction that has the effect, so no crash can part them; whoever comes second finds
it, or loses the race for the key and rolls back. Only successes are stored: a refusal may be tried again.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy import exc
from sqlalchemy.orm import Session

from .auth import Caller
from .database import metadata
from .problems import Problem

HEADER: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "description": "A name you give to this request. Repeated within a day with the same body, it has one "
            "effect and one answer.",
        }
    ]
}
"""What `key_of` means for a route's description, as its `openapi_extra`."""

KEEP_SECONDS = 24 * 3600.0

answers = sa.Table(
    "idempotent_answers",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False, index=True),
)


@dataclass(frozen=True)
class Key:
    """One caller's key on one route, with the digest of the body it came with."""

    owner: str
    route: str
    key: str
    fingerprint: bytes


class LostRaceError(Exception):
    """Another request stored an answer under this key first: roll back and answer with that one."""


async def key_of(request: Request, caller: Caller, route: str) -> Key | None:
    """The request's key, None without one. Raises `Problem` 400 for one that is repeated or malformed."""
    sent = request.headers.getlist("idempotency-key")
    if not sent:
        return None
    if len(sent) > 1 or not re.fullmatch(r"[\x21-\x7e]{1,255}", sent[0]):
        raise Problem("invalid_request", "Idempotency-Key is one value of 1 to 255 visible ASCII characters.")
    return Key(caller.owner, route, sent[0], hashlib.sha256(await request.body()).digest())


def find(session: Session, key: Key, now: float) -> dict[str, Any] | None:
    """The stored answer, None when there is none. Raises `Problem` 422 when the key came with another body."""
    row = session.execute(
        sa.select(answers).where(
            answers.c.owner == key.owner,
            answers.c.route == key.route,
            answers.c.key == key.key,
            answers.c.expires_at > now,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != key.fingerprint:
        raise Problem("idempotency_key_reused", "This Idempotency-Key was used with a different body.")
    answer: dict[str, Any] = json.loads(row.answer)
    return answer


def store(session: Session, key: Key, answer: dict[str, Any], now: float) -> None:
    """Keeps the answer for a day, in the transaction that has the effect. Raises `LostRaceError`."""
    this_key = sa.and_(answers.c.owner == key.owner, answers.c.route == key.route, answers.c.key == key.key)
    session.execute(sa.delete(answers).where(this_key, answers.c.expires_at <= now))
    try:
        session.execute(
            sa.insert(answers).values(
                owner=key.owner,
                route=key.route,
                key=key.key,
                fingerprint=key.fingerprint,
                answer=json.dumps(answer),
                expires_at=now + KEEP_SECONDS,
            )
        )
    except exc.IntegrityError:
        raise LostRaceError from None


def delete_expired(session: Session, now: float, limit: int) -> int:
    """Removes at most `limit` answers that nobody will be given again; how many."""
    due = (
        sa.select(answers.c.owner, answers.c.route, answers.c.key)
        .where(answers.c.expires_at <= now)
        .order_by(answers.c.expires_at)  # by its index, wherever in the table they are
        .limit(limit)
    )
    rows = sa.tuple_(answers.c.owner, answers.c.route, answers.c.key)
    return len(session.execute(sa.delete(answers).where(rows.in_(due)).returning(answers.c.key)).all())

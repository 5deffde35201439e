"""Refresh tokens: one row per family, rotated at every use, and forgiving when an answer got lost.

A token's text holds the family's id, a secret, and a tag that proves we made it. The successor of a token is
an HMAC of the presented text under a server key: whoever asks again inside the grace window gets the very
same successor, and database and server key together still yield no token. What is presented later, or after
its successor was used, is taken for stolen and ends the family.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from authlib.oauth2.rfc6749 import TokenMixin
from sqlalchemy.orm import Session

from .. import credentials, database
from ..people import users
from . import clients, deny_list

PREFIX = "rt"
_ID, _SECRET, _TAG = 16, 32, 16  # bytes

table = sa.Table(
    "refresh_tokens",
    database.metadata,
    sa.Column("grant_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("previous_digest", sa.LargeBinary),
    sa.Column("rotated_at", sa.Double, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False, index=True),
    sa.Column("revoked_at", sa.Double),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("auth_time", sa.Double, nullable=False),
    sa.Column("amr", sa.JSON, nullable=False),
    sa.Column("acr", sa.Text),
    sa.Column("sid", sa.Text),
)
# Families of one person with one client, for the pages that end them.
sa.Index("ix_refresh_tokens_user_id_client_id", table.c.user_id, table.c.client_id)

# Whoever signed in before the password changed, say, is out, even if the family began while it changed.
_person_may = sa.exists().where(
    users.table.c.id == table.c.user_id,
    users.table.c.disabled_at.is_(None),
    users.table.c.valid_from <= table.c.auth_time,
)


_LIVE = (
    table.c.revoked_at.is_(None),
    table.c.expires_at > sa.bindparam("now"),
    table.c.rotated_at > sa.bindparam("unused_since"),
    _person_may,
)
# Made once: to build a statement and its cache key costs as much as to sign.
_ADD = sa.insert(table)
_ROTATE = (
    sa.update(table)
    .where(
        table.c.grant_id == sa.bindparam("of_grant"),
        table.c.digest == sa.bindparam("presented"),
        table.c.client_id == sa.bindparam("of_client"),
        *_LIVE,
    )
    .values(
        digest=sa.bindparam("successor"),
        previous_digest=sa.bindparam("presented"),
        rotated_at=sa.bindparam("now"),
    )
    .returning(*table.c)
)


@dataclass(frozen=True)
class RefreshToken(TokenMixin):
    """One family as it stands, and `text`, the token its client should hold now ("" where nobody asked)."""

    grant_id: str
    digest: bytes
    previous_digest: bytes | None
    rotated_at: float
    created_at: float
    expires_at: float
    revoked_at: float | None
    client_id: str
    user_id: str
    audience: str
    scope: str
    auth_time: float
    amr: tuple[str, ...]
    acr: str | None
    sid: str | None
    text: str = ""

    def check_client(self, client: clients.Client) -> bool:
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope


class ReuseError(Exception):
    """A token of this family was presented after its time: somebody else holds a copy."""

    def __init__(self, family: RefreshToken) -> None:
        super().__init__(family.grant_id)
        self.family = family


@dataclass(frozen=True)
class Parsed:
    """A token's text taken apart. Nothing is proven by it but the checksum."""

    text: str
    grant_id: str
    secret: bytes
    tag: bytes

    @property
    def digest(self) -> bytes:
        return credentials.digest(self.text)


def parse(text: str) -> Parsed | None:
    """The parts of a token, or None when it can't be one of ours."""
    payload = credentials.decode(text, PREFIX)
    if payload is None or len(payload) != _ID + _SECRET + _TAG:
        return None
    return Parsed(
        text, str(uuid.UUID(bytes=payload[:_ID])), payload[_ID : _ID + _SECRET], payload[_ID + _SECRET :]
    )


def add(
    session: Session, keys: credentials.SecretKeys, *, grant_id: str, now: float, expires_at: float, **of: Any
) -> str:
    """Begin a family; `of` are the columns from client_id to sid. Returns the first token's text."""
    text = _text(keys.subkeys("refresh-tag")[0], grant_id, secrets.token_bytes(_SECRET))
    row = {
        "grant_id": grant_id,
        "digest": credentials.digest(text),
        "rotated_at": now,
        "created_at": now,
        "expires_at": expires_at,
    }
    session.execute(_ADD, row | of)
    return text


def rotate(
    session: Session,
    keys: credentials.SecretKeys,
    presented: str,
    *,
    client_id: str,
    now: float,
    idle_seconds: float,
    grace_seconds: float,
) -> RefreshToken | None:
    """Use a token: its family, with the successor as `text`. One statement when nothing is unusual.

    None when the token is unknown, ended, expired or another client's; nothing has changed then. Raises
    ReuseError when an authentic token of this client comes too late; the caller ends the family.
    """
    token = parse(presented)
    if token is None:
        return None
    successor = _successor(keys, token, 0)
    chosen = {
        "of_grant": token.grant_id,
        "presented": token.digest,
        "of_client": client_id,
        "successor": credentials.digest(successor),
        "now": now,
        "unused_since": now - idle_seconds,
    }
    row = session.execute(_ROTATE, chosen).mappings().first()
    if row is not None:
        return _family(row, successor)
    return _retried(session, keys, token, client_id, now, idle_seconds, grace_seconds)


def _retried(
    session: Session,
    keys: credentials.SecretKeys,
    token: Parsed,
    client_id: str,
    now: float,
    idle_seconds: float,
    grace_seconds: float,
) -> RefreshToken | None:
    """The family of a token that isn't current, if its first answer may just have been lost."""
    query = sa.select(*table.c).where(table.c.grant_id == token.grant_id, *_LIVE)
    row = session.execute(query, {"now": now, "unused_since": now - idle_seconds}).mappings().first()
    if row is None or row["client_id"] != client_id or not _authentic(keys, token):
        return None
    family = _family(row)
    if credentials.same(family.digest, token.digest):
        return None  # Current, but refused by the statement above: it lost a race with a revocation.
    if family.previous_digest is None or not credentials.same(family.previous_digest, token.digest):
        raise ReuseError(family)
    if not _in_grace(family, now, grace_seconds):
        raise ReuseError(family)
    for number in range(len(keys.subkeys("refresh-successor"))):
        successor = _successor(keys, token, number)
        if credentials.same(credentials.digest(successor), family.digest):
            return _family(row, successor)
    return None  # The key it was made with is gone; the client signs in again, but nobody is accused.


def find(session: Session, keys: credentials.SecretKeys, text: str) -> RefreshToken | None:
    """The family of an authentic token, whatever became of it and however old the token."""
    token = parse(text)
    if token is None or not _authentic(keys, token):
        return None
    row = session.execute(sa.select(*table.c).where(table.c.grant_id == token.grant_id)).mappings().first()
    return None if row is None else _family(row)


def is_active(
    session: Session,
    family: RefreshToken,
    text: str,
    *,
    now: float,
    idle_seconds: float,
    grace_seconds: float,
) -> bool:
    """Whether presenting `text` now would be answered with a new token."""
    query = sa.select(sa.literal(1)).where(table.c.grant_id == family.grant_id, *_LIVE)
    if session.execute(query, {"now": now, "unused_since": now - idle_seconds}).first() is None:
        return False
    digest = credentials.digest(text)
    if credentials.same(family.digest, digest):
        return True
    return (
        _in_grace(family, now, grace_seconds)
        and family.previous_digest is not None
        and credentials.same(family.previous_digest, digest)
    )


def revoke_family(session: Session, grant_id: str, *, now: float) -> bool:
    """End everything that came of one grant: its refresh token and, on the deny list, its access tokens.
    False when that had happened before."""
    if not deny_list.deny(session, deny_list.GRANT, grant_id, now=now):
        return False  # whoever listed it ended the family in the same transaction
    statement = sa.update(table).where(table.c.grant_id == grant_id, table.c.revoked_at.is_(None))
    session.execute(statement.values(revoked_at=now))
    return True


def delete_expired(session: Session, now: float, limit: int) -> int:
    """Delete at most `limit` families past their absolute end; returns how many.

    A revoked family stays until then: a stolen token is recognised as long as it could be believed.
    """
    return database.delete_batch(session, table.c.expires_at, now, limit)


def _in_grace(family: RefreshToken, now: float, grace_seconds: float) -> bool:
    """Whether an answer may just have got lost: zero switches the grace off, else the last moment still counts."""
    # abs(): a clock that was set back must not open the window again for as long as it was ahead.
    return bool(grace_seconds) and abs(now - family.rotated_at) <= grace_seconds


def _family(row: Any, text: str = "") -> RefreshToken:
    values = dict(row)
    return RefreshToken(**values | {"amr": tuple(values["amr"]), "text": text})


def _text(tag_key: bytes, grant_id: str, secret: bytes) -> str:
    family = uuid.UUID(grant_id).bytes
    return credentials.encode(PREFIX, family + secret + _tag(tag_key, family + secret))


def _tag(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)[:_TAG]


def _authentic(keys: credentials.SecretKeys, token: Parsed) -> bool:
    message = uuid.UUID(token.grant_id).bytes + token.secret
    return any(credentials.same(_tag(key, message), token.tag) for key in keys.subkeys("refresh-tag"))


def _successor(keys: credentials.SecretKeys, token: Parsed, number: int) -> str:
    """The one token that follows this one, made with the `number`-th of our keys (0 is the current)."""
    secret = hmac.digest(keys.subkeys("refresh-successor")[number], token.text.encode(), hashlib.sha256)
    return _text(keys.subkeys("refresh-tag")[number], token.grant_id, secret)

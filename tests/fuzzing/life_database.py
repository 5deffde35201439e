"""The database beside the model: what the tables must hold after every step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from authserver import audit, credentials, database
from authserver.oauth import codes, deny_list, refresh_tokens

from . import life

_STAY = {"events", "apis", "scopes", "signing_keys", "cache_version", "cache_changes", "leases"}
_DENIED_SECONDS = 3660


def clear(session: Session) -> None:
    """Forget everybody and everything, but for APIs, signing keys, and the audit, which cannot forget."""
    for table in reversed(database.metadata.sorted_tables):
        if table.name not in _STAY:
            session.execute(sa.delete(table))


def check(session: Session, model: life.Life) -> None:
    """Every row of a code, a family and a denial is as the model says, and there is no other."""
    _check_codes(_rows(session, codes.table), model)
    _check_families(_rows(session, refresh_tokens.table), model)
    denied = {(row["kind"], row["subject"]) for row in _rows(session, deny_list.table)}
    for family in model.families:
        # Within the life of its last access token, an ended family is on the list; one that lives never is.
        listed = (deny_list.GRANT, family.grant_id) in denied
        assert not listed or family.revoked
        if family.revoked and model.now < family.rotated_at + _DENIED_SECONDS:
            assert listed


def _check_codes(rows: list[dict[str, Any]], model: life.Life) -> None:
    known = {credentials.digest(code.text): code for code in model.codes}
    assert {row["digest"] for row in rows} <= set(known)
    assert {digest for digest, code in known.items() if code.known(model.now)} <= {
        row["digest"] for row in rows
    }
    assert len({row["grant_id"] for row in rows}) == len(rows), "two codes share a grant"
    for row in rows:
        code = known[row["digest"]]
        assert (row["used_at"] is not None) == code.used
        assert row["user_id"] == code.person.id
        assert set(row["scope"].split()) == code.scope
        assert row["expires_at"] == code.made_at + life.CODE_SECONDS
        if code.family is not None:
            assert row["grant_id"] == code.family.grant_id


def _check_families(rows: list[dict[str, Any]], model: life.Life) -> None:
    known = {family.grant_id: family for family in model.families}
    assert len(known) == len(model.families) == len({id(family.code) for family in model.families})
    found = {row["grant_id"]: row for row in rows}
    assert set(found) <= set(known), "a family that no code began"
    for grant_id, family in known.items():
        if grant_id not in found:
            assert model.now >= family.created_at + life.ABSOLUTE_SECONDS, "a family is gone before its time"
            continue
        row = found[grant_id]
        assert (row["revoked_at"] is not None) == family.revoked
        assert row["digest"] == credentials.digest(family.tokens[-1])
        before = family.tokens[-2:-1]
        assert row["previous_digest"] == (credentials.digest(before[0]) if before else None)
        assert row["rotated_at"] == family.rotated_at
        assert row["created_at"] == family.created_at
        assert row["expires_at"] == family.created_at + life.ABSOLUTE_SECONDS
        assert set(row["scope"].split()) == family.code.scope, "the scope of a grant never changes"
        assert row["user_id"] == family.code.person.id
        assert row["auth_time"] == family.code.auth_time


def holds_no_secret(session: Session, secrets: Iterable[str], since: float) -> None:
    """No column of any table holds the text of anything secret; of the audit, what was recorded `since` then."""
    for table in database.metadata.sorted_tables:
        query = sa.select(table)
        if table is audit.table:
            query = query.where(table.c.at >= since)
        everything = repr(session.execute(query).all())
        for secret in secrets:
            assert secret not in everything, f"{table.name} holds {secret}"


def _rows(session: Session, table: sa.Table) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(sa.select(table)).mappings()]

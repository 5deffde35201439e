"""Consents: what each person has allowed each client, remembered per scope."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import database
from . import clients

table = sa.Table(
    "consents",
    database.metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("granted_at", sa.Double, nullable=False),
)


_GRANTED = sa.select(table.c.scope).where(
    table.c.user_id == sa.bindparam("person"),
    table.c.client_id == sa.bindparam("client"),
    table.c.granted_at >= sa.bindparam("since"),
)


def granted(session: Session, user_id: str, client: clients.Client) -> frozenset[str]:
    """The scopes this person has allowed the client since its name and redirect URIs are what they are."""
    chosen = {"person": user_id, "client": client.client_id, "since": client.changed_at}
    return frozenset(session.execute(_GRANTED, chosen).scalars())


def grant(session: Session, user_id: str, client_id: str, scopes: Iterable[str], *, now: float) -> None:
    """Remember that the person allowed these scopes; what they allowed before stays allowed."""
    rows = [
        {"user_id": user_id, "client_id": client_id, "scope": scope, "granted_at": now}
        for scope in sorted(scopes)
    ]
    if rows:
        session.execute(
            database.insert(session, table)
            .values(rows)
            .on_conflict_do_update(index_elements=["user_id", "client_id", "scope"], set_={"granted_at": now})
        )

"""The ground: people and their sessions, APIs and scopes, audit, limits, the log of changes, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_digest", sa.Text),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("locale", sa.Text),
        sa.Column("disabled_at", sa.Double),
        sa.Column("valid_from", sa.Double, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False, index=True),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column(
            "user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("created_at", sa.Double, nullable=False, index=True),
        sa.Column("seen_at", sa.Double, nullable=False, index=True),
        sa.Column("auth_time", sa.Double, nullable=False),
        sa.Column("amr", sa.JSON, nullable=False),
        sa.Column("acr", sa.Text),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
    )
    op.create_table(
        "apis",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("identifier", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("access_token_seconds", sa.Integer),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "scopes",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column(
            "api_id", sa.Text, sa.ForeignKey("apis.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("sentence_en", sa.Text, nullable=False),
        sa.Column("sentence_fr", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "events",
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
    for about in ("user_id", "client_id"):
        known = sa.text(f"{about} IS NOT NULL")
        op.create_index(
            f"ix_events_{about}_id", "events", [about, "id"], sqlite_where=known, postgresql_where=known
        )
    _append_only()
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("resets_at", sa.Double, nullable=False, index=True),
    )
    op.create_table(
        "cache_changes",
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
    )
    version = op.create_table(
        "cache_version",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(version, [{"id": 1, "n": 0}])
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until_at", sa.Double, nullable=False),
    )


def _append_only() -> None:
    """Nobody changes or deletes an event, not even by mistake in a console."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events "
                "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only()"
    )

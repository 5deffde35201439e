"""The protocol: clients and their secrets, signing keys, requests, codes, refresh tokens, consents, denials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("homepage", sa.Text),
        sa.Column("auth_method", sa.Text, nullable=False),
        sa.Column("redirect_uris", sa.JSON, nullable=False),
        sa.Column("grant_types", sa.JSON, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("origins", sa.JSON, nullable=False),
        sa.Column("introspects", sa.JSON, nullable=False),
        sa.Column("first_party", sa.Boolean, nullable=False),
        sa.Column("require_pkce", sa.Boolean, nullable=False),
        sa.Column("access_token_seconds", sa.Integer),
        sa.Column("refresh_grace_seconds", sa.Integer),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.Column("disabled_at", sa.Double),
    )
    op.create_table(
        "client_secrets",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column(
            "client_id",
            sa.Text,
            sa.ForeignKey("clients.client_id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, index=True),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("alg", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("published_at", sa.Double, nullable=False),
        sa.Column("signs_at", sa.Double),
        sa.Column("stopped_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
    )
    op.create_table(
        "authorization_requests",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
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
        sa.Column("session_id", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False, index=True),
        sa.Column("decided_at", sa.Double),
    )
    op.create_table(
        "authorization_codes",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("grant_id", sa.Text, nullable=False),
        *_of_a_person(),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("used_at", sa.Double),
        sa.Column("keep_until_at", sa.Double, nullable=False, index=True),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("grant_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("previous_digest", sa.LargeBinary),
        sa.Column("rotated_at", sa.Double, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False, index=True),
        sa.Column("revoked_at", sa.Double),
        *_of_a_person(),
        sa.Index("ix_refresh_tokens_user_id_client_id", "user_id", "client_id"),
    )
    op.create_table(
        "consents",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("granted_at", sa.Double, nullable=False),
    )
    op.create_table(
        "denials",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("denied_at", sa.Double, nullable=False),
        sa.Column("until_at", sa.Double, nullable=False, index=True),
    )


def downgrade() -> None:
    for name in (
        "denials",
        "consents",
        "refresh_tokens",
        "authorization_codes",
        "authorization_requests",
        "signing_keys",
        "client_secrets",
        "clients",
    ):
        op.drop_table(name)


def _of_a_person() -> list[sa.Column[object]]:
    """What codes and refresh tokens both remember of the grant they stand for."""
    return [
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("auth_time", sa.Double, nullable=False),
        sa.Column("amr", sa.JSON, nullable=False),
        sa.Column("acr", sa.Text),
        sa.Column("sid", sa.Text),
    ]

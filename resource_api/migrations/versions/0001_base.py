"""The first shape: images, galleries, shares, profiles, credits, stored answers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text),
        sa.Column("seed", sa.BigInteger),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.CheckConstraint("source IN ('generated', 'uploaded')", name=op.f("ck_images_source")),
    )
    op.create_index(op.f("ix_images_owner_id"), "images", ["owner", "id"])
    op.create_table(
        "galleries",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_galleries")),
    )
    op.create_index(op.f("ix_galleries_owner_id"), "galleries", ["owner", "id"])
    op.create_table(
        "placements",
        sa.Column("gallery_id", sa.Text, nullable=False),
        sa.Column("image_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("gallery_id", "image_id", name=op.f("pk_placements")),
        sa.ForeignKeyConstraint(
            ["gallery_id"],
            ["galleries.id"],
            name=op.f("fk_placements_gallery_id_galleries"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_placements_image_id_images"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_placements_image_id"), "placements", ["image_id"])
    op.create_index(op.f("ix_placements_gallery_id_position"), "placements", ["gallery_id", "position"])
    op.create_table(
        "shares",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("image_id", sa.Text),
        sa.Column("gallery_id", sa.Text),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("access", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_shares_image_id_images"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["gallery_id"], ["galleries.id"], name=op.f("fk_shares_gallery_id_galleries"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("access IN ('read', 'edit')", name=op.f("ck_shares_access")),
        sa.CheckConstraint("(image_id IS NULL) <> (gallery_id IS NULL)", name=op.f("ck_shares_one_object")),
        sa.CheckConstraint("person <> owner", name=op.f("ck_shares_another")),
        sa.UniqueConstraint("image_id", "person", name=op.f("uq_shares_image_id_person")),
        sa.UniqueConstraint("gallery_id", "person", name=op.f("uq_shares_gallery_id_person")),
    )
    op.create_index(op.f("ix_shares_person"), "shares", ["person"])
    op.create_table(
        "handle_tries",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("resets_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_handle_tries")),
    )
    op.create_table(
        "profiles",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("handle", sa.Text),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_profiles")),
        sa.UniqueConstraint("handle", name=op.f("uq_profiles_handle")),
    )
    op.create_table(
        "balances",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_balances")),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_balances_not_negative")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("balance_after", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("reference", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
        sa.UniqueConstraint("owner", "number", name=op.f("uq_ledger_owner_number")),
    )
    op.create_table(
        "idempotent_answers",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("owner", "route", "key", name=op.f("pk_idempotent_answers")),
    )
    op.create_index(op.f("ix_idempotent_answers_expires_at"), "idempotent_answers", ["expires_at"])

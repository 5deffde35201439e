"""How many bytes each owner keeps, as a number that transactions can wait for; counted once from the images."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "storage",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_storage")),
        sa.CheckConstraint("bytes >= 0", name=op.f("ck_storage_not_negative")),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "LOCK TABLE images IN SHARE MODE"
        )  # an image added while these are counted would be missed
    op.execute("INSERT INTO storage (owner, bytes) SELECT owner, sum(size_bytes) FROM images GROUP BY owner")

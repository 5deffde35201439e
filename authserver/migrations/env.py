"""Alembic's entry: only ever run by `upgrading` or a test, which bring their connection."""

from __future__ import annotations

from alembic import context

from authserver.database import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,  # whole once `authserver.app` is imported; an upgrade doesn't look at it
    compare_type=True,
    render_as_batch=True,
    transactional_ddl=False,  # the transaction is the caller's, with its lock
)
context.run_migrations()

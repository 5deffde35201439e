"""Alembic's entry: it is only ever run by `upgrading.py` or a test, which bring their connection."""

from alembic import context

from resource_api import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the transaction is the caller's, with its lock
)
context.run_migrations()

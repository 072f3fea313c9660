"""Alembic's entry: runs the revisions on the connection, and in the transaction, of `upgrade`."""

from __future__ import annotations

from alembic import context

from hub.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller has begun, and commits
)
context.run_migrations()

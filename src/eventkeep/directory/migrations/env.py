"""Alembic's way in: the connection, and its transaction, are the opener's."""

from __future__ import annotations

from alembic import context

from eventkeep.directory.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

"""Run by Alembic: migrate over the connection that `service.store.migrate` hands in."""

from alembic import context

from service.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()

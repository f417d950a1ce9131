"""Alembic's door: runs on the connection that `central_mdm.platform.migrate` hands in."""

from alembic import context

from central_mdm.schema import all_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables(),
    render_as_batch=True,  # SQLite alters a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()

"""Alembic's door: runs on the connection that `classroom_app.storage.migrate` hands in."""

from alembic import context

from classroom_app.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()

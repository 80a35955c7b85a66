"""Run by alembic itself, with the open connection of `scoreback.service.state.database`."""

from alembic import context

from scoreback.service.state.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()

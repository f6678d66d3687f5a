"""What Alembic runs: the revisions, on the connection (and in the transaction) of ``engine.migrate``."""

from alembic import context

from raylambda.store.tables import ChangeRow

context.configure(
    connection=context.config.attributes["connection"],
    # All tables share one metadata.
    target_metadata=ChangeRow.metadata,
    # SQLite changes a table by copying it.
    render_as_batch=True,
    # All revisions or none, on SQLite too.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

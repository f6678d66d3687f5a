"""Changes have a kind, and followers write down how far they have come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Alembic does not read it from the database, and without it the copy would give numbers of removed rows again.
_COPY = {"sqlite_autoincrement": True}


def upgrade() -> None:
    op.add_column("change", sa.Column("kind", sa.String()))
    op.execute("UPDATE change SET kind = 'function'")
    # With a default, so that a process of the version before, which knows no kinds, can still write while it is replaced.
    with op.batch_alter_table("change", table_kwargs=_COPY) as change:
        change.alter_column("kind", existing_type=sa.String(), nullable=False, server_default="function")
    op.create_table(
        "follower",
        sa.Column("follower_id", sa.String(), primary_key=True),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("follower")
    op.execute("DELETE FROM change WHERE kind <> 'function'")
    with op.batch_alter_table("change", table_kwargs=_COPY) as change:
        change.drop_column("kind")

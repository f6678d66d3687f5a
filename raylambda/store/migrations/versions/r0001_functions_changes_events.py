"""Functions, versions, aliases, the change feed, asynchronous events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_function()
    _create_function_version()
    _create_alias()
    _create_change()
    _create_event()


def downgrade() -> None:
    for table in ("event", "change", "alias", "function_version", "function"):
        op.drop_table(table)


def _create_function() -> None:
    op.create_table(
        "function",
        *_function_key(),
        sa.Column("next_version", sa.Integer(), nullable=False),
        sa.Column("reserved_concurrency", sa.Integer()),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("ray_options", sa.JSON()),
    )


def _create_function_version() -> None:
    op.create_table(
        "function_version",
        *_function_key(),
        sa.Column("version", sa.String(20), primary_key=True),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("published_generation", sa.String()),
        sa.Column("published_version", sa.String()),
        sa.Column("revision_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_reason", sa.String()),
        sa.Column("state_reason_code", sa.String()),
        sa.Column("last_update_status", sa.String()),
        sa.Column("last_update_status_reason", sa.String()),
        sa.Column("last_update_status_reason_code", sa.String()),
        sa.Column("last_modified", sa.String(), nullable=False),
        sa.Column("code_sha256", sa.String(), nullable=False),
        sa.Column("code_size", sa.Integer(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
    )


def _create_alias() -> None:
    op.create_table(
        "alias",
        *_function_key(),
        sa.Column("alias", sa.String(128), primary_key=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("weights", sa.JSON()),
        sa.Column("revision_id", sa.String(), nullable=False),
    )


def _create_change() -> None:
    op.create_table(
        "change",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sqlite_autoincrement=True,
    )


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column("request_id", sa.String(), primary_key=True),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("qualifier", sa.String()),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("deferrals", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String()),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_event_due", "event", ["due_at", "account", "region", "name", "request_id"])


def _function_key() -> list[sa.Column[str]]:
    return [
        sa.Column("account", sa.String(12), primary_key=True),
        sa.Column("region", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
    ]

"""The rows. They only store: wire models validate, and a row class is never a response model.

Every row but a follower's belongs to an (account, region). Configuration travels as one JSON document,
``FunctionVersionRow.configuration``, whose members are AWS's own names; columns are what is queried, counted or changed by
itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer
from sqlmodel import Field, Index, SQLModel


class FunctionRow(SQLModel, table=True):
    """One function. ``next_version`` is the number of the next publication: numbers are never used again."""

    __tablename__ = "function"

    account: str = Field(primary_key=True, max_length=12)
    region: str = Field(primary_key=True, max_length=32)
    name: str = Field(primary_key=True, max_length=64)
    next_version: int = 1
    reserved_concurrency: int | None = None
    tags: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    ray_options: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))


class FunctionVersionRow(SQLModel, table=True):
    """``$LATEST`` or one published version.

    ``generation`` is new with every update, so that environments of the old one are retired; ``published_generation`` (of
    ``$LATEST``) is the one last published: publishing it again returns the same version. ``code_sha256`` is hex.
    ``configuration`` holds the members of AWS's FunctionConfiguration that the client set or that have defaults, without
    names, ARNs, code, states and times.
    """

    __tablename__ = "function_version"

    account: str = Field(primary_key=True, max_length=12)
    region: str = Field(primary_key=True, max_length=32)
    name: str = Field(primary_key=True, max_length=64)
    version: str = Field(primary_key=True, max_length=20)
    generation: str
    published_generation: str | None = None
    published_version: str | None = None
    revision_id: str
    state: str
    state_reason: str | None = None
    state_reason_code: str | None = None
    last_update_status: str | None = None
    last_update_status_reason: str | None = None
    last_update_status_reason_code: str | None = None
    last_modified: str
    code_sha256: str
    code_size: int
    configuration: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class AliasRow(SQLModel, table=True):
    """One alias; ``weights`` maps additional versions to their share, 0.0 to 1.0."""

    __tablename__ = "alias"

    account: str = Field(primary_key=True, max_length=12)
    region: str = Field(primary_key=True, max_length=32)
    name: str = Field(primary_key=True, max_length=64)
    alias: str = Field(primary_key=True, max_length=128)
    version: str
    description: str = ""
    weights: dict[str, float] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    revision_id: str


class ChangeRow(SQLModel, table=True):
    """One row of the change feed for every transaction that changed what others follow; ``kind`` is a ``ChangeKind``.

    ``number`` only grows; a reader that knows n asks for what came after n.
    """

    __tablename__ = "change"
    __table_args__ = {"sqlite_autoincrement": True}

    number: int | None = Field(
        default=None,
        # SQLite counts by itself only in a column that is called INTEGER.
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    kind: str = Field(sa_column_kwargs={"server_default": "function"})
    account: str
    region: str
    name: str


class FollowerRow(SQLModel, table=True):
    """Who follows the change feed, and has taken in everything up to number ``applied``; ``seen_at`` is in epoch seconds."""

    __tablename__ = "follower"

    follower_id: str = Field(primary_key=True)
    applied: int = Field(sa_type=BigInteger)
    seen_at: float


class EventRow(SQLModel, table=True):
    """One accepted event. The row is gone once it is settled.

    ``due_at`` (epoch seconds) is when the event may be claimed next: its next attempt, or, while it is claimed, the end of
    the claim. ``claimed_by`` is the token of the newest claim. ``attempts`` counts runs of the function, ``deferrals`` the
    throttles and failures of ours since the last of them.
    """

    __tablename__ = "event"
    # Everything that looking for work asks for is in the index, so that a long queue is passed over quickly.
    __table_args__ = (Index("ix_event_due", "due_at", "account", "region", "name", "request_id"),)

    request_id: str = Field(primary_key=True)
    account: str
    region: str
    name: str
    qualifier: str | None = None
    trace_id: str = ""
    accepted_at: float
    due_at: float
    attempts: int = 0
    deferrals: int = 0
    claimed_by: str | None = None
    payload: bytes

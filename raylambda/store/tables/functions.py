"""Functions, their versions and their aliases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel


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

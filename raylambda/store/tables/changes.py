"""The change feed: one row for every transaction that changed a function."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, SQLModel


class ChangeRow(SQLModel, table=True):
    """``number`` only grows; a reader that knows n asks for what came after n."""

    __tablename__ = "change"
    __table_args__ = {"sqlite_autoincrement": True}

    number: int | None = Field(
        default=None,
        # SQLite counts by itself only in a column that is called INTEGER.
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    account: str
    region: str
    name: str

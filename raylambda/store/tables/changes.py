"""The change feed: one row for every transaction that changed a function."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class ChangeRow(SQLModel, table=True):
    """``number`` only grows; a reader that knows n asks for what came after n."""

    __tablename__ = "change"
    __table_args__ = {"sqlite_autoincrement": True}

    number: int | None = Field(default=None, primary_key=True)
    account: str
    region: str
    name: str

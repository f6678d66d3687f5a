"""Asynchronous events that were accepted and are not settled yet."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class EventRow(SQLModel, table=True):
    """One accepted event. The row is gone once it is settled.

    ``attempts`` counts runs that the function began (throttles and our own failures do not count), ``deferrals`` the
    others. ``due_at`` and ``claimed_until`` are epoch seconds; a claim that has run out is free again.
    """

    __tablename__ = "event"

    request_id: str = Field(primary_key=True)
    account: str
    region: str
    name: str
    qualifier: str | None = None
    payload: bytes
    trace_id: str = ""
    accepted_at: float
    due_at: float = Field(index=True)
    attempts: int = 0
    deferrals: int = 0
    claimed_by: str | None = None
    claimed_until: float = 0.0

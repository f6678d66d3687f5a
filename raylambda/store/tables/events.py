"""Asynchronous events that were accepted and are not settled yet."""

from __future__ import annotations

from sqlmodel import Field, Index, SQLModel


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

"""The change feed: an operation writes its rows and one change in one transaction; others ask what came after number n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, func, select

from raylambda.store.locks import CHANGE_LOCK, take_lock
from raylambda.store.tables import ChangeRow

_NEWEST: Final = "raylambda_newest_change"


@dataclass(frozen=True, slots=True)
class Change:
    """Something about this function is different (or the function is gone) since before ``number``."""

    number: int
    account: str
    region: str
    name: str


def record_change(session: Session, account: str, region: str, name: str) -> int:
    """Record, in the caller's transaction, that the function changed; return the change's number.

    Numbers become visible in order: a reader that has seen n has seen all below it. PostgreSQL's sequence alone does not
    promise that, so the lock is held from before the number is drawn until the commit.
    """
    take_lock(session.connection(), CHANGE_LOCK)
    row = ChangeRow(account=account, region=region, name=name)
    session.add(row)
    session.flush()
    number = row.number
    if number is None:
        raise AssertionError("the database gave a change no number")
    session.info[_NEWEST] = number
    return number


def newest_recorded(session: Session) -> int | None:
    """The newest change that this session recorded."""
    number: int | None = session.info.get(_NEWEST)
    return number


def changes_since(session: Session, number: int) -> list[Change]:
    """All changes after ``number``, oldest first; 0 asks for all."""
    rows = session.exec(select(ChangeRow).where(col(ChangeRow.number) > number).order_by(col(ChangeRow.number)))
    return [Change(row.number or 0, row.account, row.region, row.name) for row in rows]


def newest_change(session: Session) -> int:
    """The number of the newest change, 0 when there is none; with ``all_functions`` in one ``reading`` unit a start for a follower."""
    return session.exec(select(func.max(ChangeRow.number))).one() or 0

"""The change feed: an operation writes its rows and one change in one transaction; others ask what came after number n.

Who follows the feed writes down now and then how far it has come. Rows below the lowest of these positions are pruned. The
row at a position stays, so a follower that finds the row of its own position knows that nothing after it was pruned unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, delete, func, select

from raylambda.store.engine import CHANGE_LOCK, announce, take_lock
from raylambda.store.tables import ChangeRow, FollowerRow

ABSENT_S: Final = 3600.0
"""A follower that was not seen for so long no longer holds rows back."""


PRUNED_AT_ONCE: Final = 10_000


class ChangeKind(StrEnum):
    """What has changed."""

    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Change:
    """Something about this one is different (or it is gone) since before ``number``.

    ``kind`` is a ``ChangeKind``, or one that only a newer raylambda beside us knows.
    """

    number: int
    kind: str
    account: str
    region: str
    name: str


def record_change(session: Session, kind: ChangeKind, account: str, region: str, name: str) -> int:
    """Record, in the caller's transaction, that something changed; return the change's number.

    Numbers become visible in order: a reader that has seen n has seen all below it. PostgreSQL's sequence alone does not
    promise that, so the lock is held from before the number is drawn until the commit.
    """
    take_lock(session.connection(), CHANGE_LOCK)
    row = ChangeRow(kind=kind, account=account, region=region, name=name)
    session.add(row)
    session.flush()
    number = row.number
    if number is None:
        raise AssertionError("the database gave a change no number")
    announce(session, number)
    return number


def changes_since(session: Session, number: int) -> list[Change]:
    """All changes after ``number`` that were not pruned, oldest first; 0 asks for all."""
    rows = session.exec(select(ChangeRow).where(col(ChangeRow.number) > number).order_by(col(ChangeRow.number)))
    return [Change(row.number or 0, row.kind, row.account, row.region, row.name) for row in rows]


def newest_change(session: Session) -> int:
    """The number of the newest change, 0 before the first; its row is never pruned."""
    return session.exec(select(func.max(ChangeRow.number))).one() or 0


def change_is_kept(session: Session, number: int) -> bool:
    """Whether the row of this change is there; then ``changes_since`` tells everything that came after it."""
    return session.get(ChangeRow, number) is not None


def keep_position(session: Session, follower_id: str, applied: int, now: float) -> None:
    """Write down that the follower has taken in all changes up to ``applied``, and was alive at ``now`` (epoch seconds)."""
    session.merge(FollowerRow(follower_id=follower_id, applied=applied, seen_at=now))


def forget_follower(session: Session, follower_id: str) -> None:
    """The follower has ended: it holds no rows back."""
    session.exec(delete(FollowerRow).where(col(FollowerRow.follower_id) == follower_id))


def prune_changes(session: Session, now: float) -> None:
    """Remove the changes below the lowest position of the followers, after the followers that are absent."""
    session.exec(delete(FollowerRow).where(col(FollowerRow.seen_at) < now - ABSENT_S))
    # Without any follower the minimum is NULL, and nothing is below that. After a restore of an older database a position may be
    # ahead of all rows, and the newest one has to stay.
    lowest = select(func.min(FollowerRow.applied)).scalar_subquery()
    newest = select(func.max(ChangeRow.number)).scalar_subquery()
    passed = select(ChangeRow.number).where(col(ChangeRow.number) < lowest, col(ChangeRow.number) < newest)
    # In portions: a feed that has grown for years must not hold up everybody who writes.
    session.exec(
        delete(ChangeRow).where(col(ChangeRow.number).in_(passed.order_by(col(ChangeRow.number)).limit(PRUNED_AT_ONCE)))
    )

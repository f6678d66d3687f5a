"""The transitions that AWS makes by itself after an operation has answered (lambda-reference.md 5, CreateFunction)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from sqlmodel import Session, col, or_, select

from raylambda.model.function import State, UpdateStatus
from raylambda.store.tables import FunctionVersionRow


def _random_id() -> str:
    return str(uuid4())


def activate(
    session: Session, account: str, region: str, name: str, new_revision_id: Callable[[], str] = _random_id
) -> bool:
    """Make every version of the function usable: Pending becomes Active and Successful, InProgress becomes Successful.

    Reasons go, and each version touched gets a new revision id. Returns whether any was touched. No change is recorded, as
    every follower does this for itself: call it before ``load_function`` in one exclusive unit of work, and the record
    that follows is active whoever activated it.
    """
    waiting = session.exec(
        select(FunctionVersionRow).where(
            FunctionVersionRow.account == account,
            FunctionVersionRow.region == region,
            FunctionVersionRow.name == name,
            or_(
                col(FunctionVersionRow.state) == State.PENDING,
                col(FunctionVersionRow.last_update_status) == UpdateStatus.IN_PROGRESS,
            ),
        )
    ).all()
    for row in waiting:
        _activate_version(row, new_revision_id())
    return bool(waiting)


def _activate_version(row: FunctionVersionRow, revision_id: str) -> None:
    row.state = State.ACTIVE
    row.state_reason = None
    row.state_reason_code = None
    row.last_update_status = UpdateStatus.SUCCESSFUL
    row.last_update_status_reason = None
    row.last_update_status_reason_code = None
    row.revision_id = revision_id

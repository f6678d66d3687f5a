"""Asynchronous events as rows: accepted, claimed with a lease, deferred, settled.

A claim is a token that the claimer made up and never uses again, and a lease. Until the lease ends, nobody else runs the event;
then anybody may claim it anew, and from that moment the old token can neither settle nor defer. Times are epoch
seconds of the callers' clocks, so leases are much longer than the clocks of one cluster differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import CursorResult, delete, tuple_, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, func, select

from raylambda.model.function import FunctionKey
from raylambda.model.invocation import Call
from raylambda.store.tables import EventRow


@dataclass(frozen=True, slots=True)
class InHand:
    """What a claimer runs already: ``held`` are request ids (their leases may have run out), ``running`` counts by function."""

    held: Collection[str] = ()
    running: Mapping[FunctionKey, int] = field(default_factory=dict)
    per_function: int = 1_000_000

    @property
    def full(self) -> list[FunctionKey]:
        """Functions that have no room for another event."""
        return [key for key, count in self.running.items() if count >= self.per_function]

    def room(self, key: FunctionKey) -> int:
        return self.per_function - self.running.get(key, 0)


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to claim up to ``limit`` events that are due at ``now``, until ``until``; ``token`` is new."""

    token: str
    now: float
    until: float
    limit: int


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """One event in the hands of a claimer; counts as in ``EventRow``."""

    call: Call
    token: str
    accepted_at: float
    attempts: int
    deferrals: int

    @property
    def function(self) -> FunctionKey:
        return (self.call.account, self.call.region, self.call.name)


def accept_event(session: Session, call: Call, now: float) -> None:
    """Add the event; it is accepted once the unit of work is committed. ``tail`` and ``client_context`` are not kept (sync only)."""
    session.add(
        EventRow(
            request_id=call.request_id,
            account=call.account,
            region=call.region,
            name=call.name,
            qualifier=call.qualifier,
            payload=call.payload,
            trace_id=call.trace_id,
            accepted_at=now,
            due_at=now,
        )
    )


def claim_events(session: Session, claim: Claim, in_hand: InHand) -> list[ClaimedEvent]:
    """Claim what is due, longest due first, within the bounds of ``in_hand``; what another claimer is just locking is skipped."""
    query = (
        select(EventRow)
        .where(col(EventRow.due_at) <= claim.now, *_claimable(in_hand))
        .order_by(col(EventRow.due_at))
        .limit(claim.limit)
        .with_for_update(skip_locked=True)
    )
    chosen = _within_bounds(session.exec(query), in_hand)
    for row in chosen:
        row.claimed_by = claim.token
        row.due_at = claim.until
    return [ClaimedEvent(_call(row), claim.token, row.accepted_at, row.attempts, row.deferrals) for row in chosen]


def renew_claims(session: Session, claims: Iterable[tuple[str, str]], until: float) -> set[str]:
    """Prolong the claims, given as (request id, token); return the request ids that are still held."""
    rows = session.exec(
        update(EventRow).where(_claimed_as(claims)).values(due_at=until).returning(col(EventRow.request_id))
    )
    return {request_id for (request_id,) in rows}


def settle_event(session: Session, request_id: str, token: str) -> bool:
    """Remove the event for good; false when the claim was lost, and nothing was done."""
    return _changed_one(session.exec(delete(EventRow).where(_claimed_as([(request_id, token)]))))


def defer_event(session: Session, event: ClaimedEvent, due_at: float, attempts: int, deferrals: int) -> bool:
    """Give the event back until ``due_at`` with new counts; false when the claim was lost, and nothing was done."""
    values = {"due_at": due_at, "attempts": attempts, "deferrals": deferrals, "claimed_by": None}
    return _changed_one(
        session.exec(update(EventRow).where(_claimed_as([(event.call.request_id, event.token)])).values(**values))
    )


def unsettled_events(session: Session, account: str) -> dict[FunctionKey, tuple[int, float]]:
    """For each function of the account that has any: how many events are accepted and not settled, and when one is due next.

    While an event runs, it is due at the end of its claim.
    """
    row = EventRow
    query = (
        select(row.region, row.name, func.count(), func.min(row.due_at))
        .where(row.account == account)
        .group_by(col(row.region), col(row.name))
    )
    return {(account, region, name): (count, due_at) for region, name, count, due_at in session.exec(query)}


def next_due(session: Session, in_hand: InHand) -> float | None:
    """When the next event that ``claim_events`` may choose is due; ``None`` when there is none."""
    due_at: float | None = session.exec(select(func.min(EventRow.due_at)).where(*_claimable(in_hand))).one()
    return due_at


def _claimable(in_hand: InHand) -> tuple[ColumnElement[bool], ...]:
    function = tuple_(col(EventRow.account), col(EventRow.region), col(EventRow.name))
    return (col(EventRow.request_id).not_in(in_hand.held), function.not_in(in_hand.full))


def _claimed_as(claims: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    return tuple_(col(EventRow.request_id), col(EventRow.claimed_by)).in_(list(claims))


def _changed_one(result: CursorResult[object]) -> bool:
    return result.rowcount == 1


def _within_bounds(rows: Iterable[EventRow], in_hand: InHand) -> list[EventRow]:
    chosen: list[EventRow] = []
    counts: Counter[FunctionKey] = Counter()
    for row in rows:
        key = (row.account, row.region, row.name)
        if counts[key] < in_hand.room(key):
            counts[key] += 1
            chosen.append(row)
    return chosen


def _call(row: EventRow) -> Call:
    return Call(row.account, row.region, row.name, row.qualifier, row.request_id, row.payload, row.trace_id)

"""Events as rows: who may claim what, and what a lost claim can no longer do. On both databases."""

from __future__ import annotations

import threading
from collections.abc import Collection

import pytest

from raylambda.model.invocation import Call
from raylambda.store.engine import Database
from raylambda.store.errors import StoreConflict
from raylambda.store.events import (
    Claim,
    ClaimedEvent,
    FunctionKey,
    InHand,
    accept_event,
    claim_events,
    defer_event,
    next_due,
    renew_claims,
    settle_event,
)
from tests.builders import ACCOUNT, REGION, a_call
from tests.unit.queue.scripted_queue import count_events

T0 = 1_800_000_000.0
LEASE_S = 60.0


def key(name: str) -> FunctionKey:
    return (ACCOUNT, REGION, name)


def accept(database: Database, *calls: Call, now: float = T0) -> None:
    for number, call in enumerate(calls):
        with database.shared() as session:
            accept_event(session, call, now + number / 1000)


def claim(
    database: Database, token: str = "a.1", now: float = T0 + 1, limit: int = 10, in_hand: InHand | None = None
) -> list[ClaimedEvent]:
    with database.shared() as session:
        return claim_events(session, Claim(token, now, now + LEASE_S, limit), in_hand or InHand())


def ids(events: Collection[ClaimedEvent]) -> list[str]:
    return [event.call.request_id for event in events]


def test_an_accepted_event_is_claimed_unchanged(database: Database) -> None:
    call = a_call(bytes(range(256)) * 4096, qualifier="live", trace_id="Root=1")
    accept(database, call)

    [event] = claim(database, "a.1")

    assert event == ClaimedEvent(call, "a.1", T0, attempts=0, deferrals=0)


def test_a_claimed_event_is_nobody_elses_until_the_lease_ends(database: Database) -> None:
    accept(database, a_call())
    claim(database, "a.1", now=T0)

    assert claim(database, "b.1", now=T0 + LEASE_S - 0.001) == []
    assert ids(claim(database, "b.1", now=T0 + LEASE_S)) == ["r1"]


def test_a_renewed_claim_lives_longer(database: Database) -> None:
    accept(database, a_call(request_id="r1"), a_call(request_id="r2"))
    claim(database, "a.1", now=T0 + 1)

    with database.shared() as session:
        held = renew_claims(session, [("r1", "a.1"), ("r2", "stale"), ("unknown", "a.1")], T0 + 500)

    assert held == {"r1"}
    assert ids(claim(database, "b.1", now=T0 + 400)) == ["r2"]


def test_a_settled_event_is_gone(database: Database) -> None:
    accept(database, a_call())
    claim(database, "a.1")

    with database.shared() as session:
        assert settle_event(session, "r1", "a.1")
        assert not settle_event(session, "r1", "a.1")
    assert count_events(database) == 0


def test_a_deferred_event_waits_and_keeps_its_counts(database: Database) -> None:
    accept(database, a_call())
    [event] = claim(database)

    with database.shared() as session:
        assert defer_event(session, event, T0 + 100, attempts=1, deferrals=3)

    assert claim(database, now=T0 + 99.9) == []
    [again] = claim(database, "a.2", now=T0 + 100)
    assert (again.attempts, again.deferrals, again.accepted_at, again.call) == (1, 3, T0, a_call())


def test_who_lost_the_claim_can_neither_settle_nor_defer_nor_renew(database: Database) -> None:
    accept(database, a_call())
    [old] = claim(database, "a.1", now=T0)
    [new] = claim(database, "b.1", now=T0 + LEASE_S)

    with database.shared() as session:
        assert not settle_event(session, "r1", "a.1")
        assert not defer_event(session, old, T0 + 1, attempts=9, deferrals=9)
        assert renew_claims(session, [("r1", "a.1")], T0 + 10_000) == set()
        assert defer_event(session, new, T0 + 100, attempts=1, deferrals=0)
        assert not settle_event(session, "r1", "b.1"), "giving back ends the claim"


def test_a_claim_that_ran_out_and_that_nobody_took_still_settles(database: Database) -> None:
    accept(database, a_call())
    claim(database, "a.1", now=T0)

    with database.shared() as session:
        assert settle_event(session, "r1", "a.1")


def test_the_longest_due_come_first_up_to_the_limit(database: Database) -> None:
    accept(database, a_call(request_id="new"), now=T0 + 0.5)
    accept(database, a_call(request_id="old"), now=T0)
    accept(database, a_call(request_id="later"), now=T0 + 50)

    assert ids(claim(database, limit=1)) == ["old"]
    assert ids(claim(database)) == ["new"]


def test_what_the_claimer_has_in_hand_is_left_out(database: Database) -> None:
    accept(database, a_call(request_id="r1"), a_call(request_id="r2"))
    claim(database, "a.1", now=T0 + 1)

    assert ids(claim(database, "a.2", now=T0 + 500, in_hand=InHand(held=["r1"]))) == ["r2"]


def test_no_function_gets_more_than_its_room(database: Database) -> None:
    accept(
        database,
        *(a_call(request_id=f"f{n}", name="f") for n in range(4)),
        *(a_call(request_id=f"g{n}", name="g") for n in range(2)),
    )

    first = claim(database, "a.1", in_hand=InHand(running={key("f"): 1}, per_function=3))
    second = claim(database, "a.2", in_hand=InHand(running={key("f"): 3, key("g"): 2}, per_function=3))

    assert ids(first) == ["f0", "f1", "g0", "g1"]
    assert second == []


def test_a_full_function_does_not_hide_the_others(database: Database) -> None:
    accept(database, *(a_call(request_id=f"f{n}", name="f") for n in range(5)), a_call(request_id="g0", name="g"))

    in_hand = InHand(running={key("f"): 3}, per_function=3)

    assert ids(claim(database, limit=2, in_hand=in_hand)) == ["g0"]


def test_next_due_says_when_something_can_be_claimed(database: Database) -> None:
    def due(in_hand: InHand | None = None) -> float | None:
        with database.reading() as session:
            return next_due(session, in_hand or InHand())

    assert due() is None
    accept(database, a_call(name="f"))
    assert due() == T0
    assert due(InHand(running={key("f"): 1}, per_function=1)) is None
    claim(database, now=T0 + 1)
    assert due() == T0 + 1 + LEASE_S, "when the claim ends, at the latest"
    assert due(InHand(held=["r1"])) is None
    accept(database, a_call(request_id="r2"), now=T0 + 7)
    assert due() == T0 + 7


def test_an_event_is_accepted_once(database: Database) -> None:
    accept(database, a_call())

    with pytest.raises(StoreConflict):
        accept(database, a_call())


def test_many_claimers_at_once_never_hold_the_same_event(database: Database) -> None:
    accept(database, *(a_call(request_id=f"r{n}") for n in range(60)))
    claimed: dict[str, list[str]] = {f"c{n}": [] for n in range(6)}

    def claim_all(token: str) -> None:
        while events := claim(database, f"{token}.{len(claimed[token])}", limit=3):
            claimed[token].extend(ids(events))

    claimers = [threading.Thread(target=claim_all, args=(token,)) for token in claimed]
    for claimer in claimers:
        claimer.start()
    for claimer in claimers:
        claimer.join()

    everything = [request_id for request_ids in claimed.values() for request_id in request_ids]
    everything.extend(ids(claim(database, "rest")))  # what was locked just when each of them looked
    assert sorted(everything) == sorted(f"r{n}" for n in range(60))

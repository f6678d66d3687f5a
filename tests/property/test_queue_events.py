"""Random claimers, outcomes, crashes and clocks over the rules and a real store: every event ends once, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from sqlmodel import select

from raylambda.queue.rules import (
    AttemptFailed,
    AttemptRefused,
    Exhausted,
    Gone,
    History,
    Outcome,
    Ran,
    RetryAt,
    RetryPolicy,
    Throttled,
    after_attempt,
    before_attempt,
)
from raylambda.store.events import (
    Claim,
    ClaimedEvent,
    InHand,
    accept_event,
    claim_events,
    defer_event,
    next_due,
    renew_claims,
    settle_event,
)
from raylambda.store.tables import EventRow
from tests.builders import a_call
from tests.plugins.databases import migrated

LEASE_S = 60.0
POLICY = RetryPolicy()

outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Ran, failed=st.booleans()),
    st.builds(Throttled, reserved_zero=st.booleans()),
    st.just(AttemptFailed()),
    st.just(Gone()),
    st.just(AttemptRefused()),
)


@dataclass
class Held:
    """An event in a claimer's hand, as the model sees it."""

    event: ClaimedEvent
    until: float


@dataclass
class Claimer:
    """A dispatcher without its loop. Its claims die with it; its name is never used again."""

    name: str
    claims: int = 0
    held: dict[str, Held] = field(default_factory=dict)


class Events(RuleBasedStateMachine):
    """The machine knows what was accepted and what ended; the store must agree after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.database = migrated()
        self.now = 1_800_000_000.0
        self.accepted: set[str] = set()
        self.ended: Counter[str] = Counter()
        self.runs: Counter[str] = Counter()
        self.claimers: dict[str, Claimer] = {}
        self.names = 0

    claimers_made = Bundle("claimers_made")

    @rule(target=claimers_made)
    def start_claimer(self) -> str:
        self.names += 1
        name = f"c{self.names}"
        self.claimers[name] = Claimer(name)
        return name

    @rule(function=st.sampled_from(["f", "g"]))
    def accept(self, function: str) -> None:
        request_id = f"r{len(self.accepted)}"
        with self.database.shared() as session:
            accept_event(session, a_call(request_id=request_id, name=function), self.now)
        self.accepted.add(request_id)

    @rule(seconds=st.sampled_from([0.5, 1.0, 59.0, 61.0, 130.0, 400.0, 7200.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=claimers_made, limit=st.integers(1, 4), per_function=st.integers(1, 3))
    def claim(self, name: str, limit: int, per_function: int) -> None:
        claimer = self.claimers.get(name)
        if claimer is None:
            return
        claimer.claims += 1
        wish = Claim(f"{name}.{claimer.claims}", self.now, self.now + LEASE_S, limit)
        running = Counter(held.event.function for held in claimer.held.values())
        with self.database.shared() as session:
            events = claim_events(session, wish, InHand(tuple(claimer.held), running, per_function))
        assert len(events) <= limit
        for event in events:
            self.no_other_claim_is_in_force(event)
            claimer.held[event.call.request_id] = Held(event, wish.until)
        running.update(event.function for event in events)
        assert not events or max(running[event.function] for event in events) <= per_function

    @rule(name=claimers_made)
    def renew(self, name: str) -> None:
        claimer = self.claimers.get(name)
        if claimer is None:
            return
        claims = [(request_id, held.event.token) for request_id, held in claimer.held.items()]
        with self.database.shared() as session:
            renewed = renew_claims(session, claims, self.now + LEASE_S)
        for request_id in renewed:
            claimer.held[request_id].until = self.now + LEASE_S

    @rule(name=claimers_made, outcome=outcomes, data=st.data())
    def conclude(self, name: str, outcome: Outcome, data: st.DataObject) -> None:
        claimer = self.claimers.get(name)
        if claimer is not None and claimer.held:
            held = claimer.held.pop(data.draw(st.sampled_from(sorted(claimer.held))))
            self.carry(held.event, outcome)

    @rule(name=claimers_made)
    def crash(self, name: str) -> None:
        self.claimers.pop(name, None)

    def carry(self, event: ClaimedEvent, outcome: Outcome) -> None:
        """What a dispatcher does with an event in hand, at one moment."""
        request_id = event.call.request_id
        history = History(event.accepted_at, event.attempts, event.deferrals)
        decision = before_attempt(history, self.now, POLICY)
        decided = decision or after_attempt(history, outcome, self.now, POLICY)
        with self.database.shared() as session:
            if isinstance(decided, RetryAt):
                assert decided.due_at > self.now
                kept = defer_event(session, event, decided.due_at, decided.attempts, decided.deferrals)
            else:
                kept = settle_event(session, request_id, event.token)
                self.ended[request_id] += kept
        if kept and decision is None and isinstance(outcome, Ran):
            self.runs[request_id] += 1
        if isinstance(decided, Exhausted):
            assert decided.attempts <= 1 + POLICY.retries

    def no_other_claim_is_in_force(self, event: ClaimedEvent) -> None:
        for other in self.claimers.values():
            held = other.held.get(event.call.request_id)
            assert held is None or held.until <= self.now, f"{other.name} still holds {event.call.request_id}"

    @invariant()
    def check(self) -> None:
        with self.database.reading() as session:
            rows = {row.request_id: row for row in session.exec(select(EventRow))}
        assert set(rows) == {request_id for request_id in self.accepted if not self.ended[request_id]}
        assert all(count <= 1 for count in self.ended.values())
        for request_id, row in rows.items():
            assert row.attempts <= POLICY.retries
            assert row.attempts == self.runs[request_id]
        assert all(count <= 1 + POLICY.retries for count in self.runs.values())

    def teardown(self) -> None:
        """Whatever happened, a dispatcher that goes on working ends every event."""
        self.claimers.clear()
        last = "last"
        self.claimers[last] = Claimer(last)
        while True:
            with self.database.reading() as session:
                due_at = next_due(session, InHand())
            if due_at is None:
                break
            self.now = max(self.now, due_at)
            self.claim(last, limit=4, per_function=3)
            for held in self.claimers[last].held.values():
                self.carry(held.event, Ran(failed=True))
            self.claimers[last].held.clear()
        self.check()
        assert self.ended == Counter(self.accepted)
        self.database.close()


Events.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_events = Events.TestCase

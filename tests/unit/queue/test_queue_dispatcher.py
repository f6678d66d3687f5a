"""The dispatcher: what becomes of accepted events, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import Session, select

from raylambda.model.errors import (
    RequestTooLargeException,
    ResourceConflictException,
    ResourceNotFoundException,
    ServiceException,
    TooManyRequestsException,
)
from raylambda.model.invocation import Call, Completion
from raylambda.queue.rules import Condition, Dropped, Exhausted, Settled
from raylambda.queue.settlement import Settlement
from raylambda.store.engine import Database
from raylambda.store.tables import AliasRow, EventRow, FunctionRow
from raylambda.testing.clock import ManualClock
from tests.builders import ACCOUNT, REGION, a_call, a_completion
from tests.unit.queue.scripted_queue import QUICK, Queue
from tests.waiting import reached

THROTTLED = TooManyRequestsException(reason="ReservedFunctionConcurrentInvocationLimitExceeded")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Gate:
    """A function that waits until the test opens the gate."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def __call__(self, call: Call) -> Completion:
        self.waiting += 1
        await self.opened.wait()
        return a_completion()


def create_function(database: Database, **members: Any) -> None:
    with database.session() as session:
        session.add(FunctionRow(account=ACCOUNT, region=REGION, name="hello", **members))


def test_an_accepted_event_runs_once_and_is_gone(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        queue = Queue(database, clock, a_completion(b"3"))
        async with queue.dispatching():
            await queue.acceptance.accept(a_call(b'{"n": 1}'))
            await reached(lambda: queue.waiting() == 0)

        assert queue.invoker.calls == [a_call(b'{"n": 1}')]
        [settlement] = queue.settlements
        assert (settlement.ending, settlement.completion) == (Settled(1), a_completion(b"3"))
        assert (settlement.accepted_at, settlement.ended_at) == (clock.now(), clock.now())

    asyncio.run(scenario())


def test_an_event_is_committed_when_accept_returns(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        queue = Queue(database, clock)
        await asyncio.gather(*(queue.acceptance.accept(a_call(request_id=f"r{n}")) for n in range(50)))
        assert queue.waiting() == 50

    asyncio.run(scenario())


def test_function_errors_are_retried_after_one_and_two_minutes_with_the_same_id(
    database: Database, clock: ManualClock
) -> None:
    async def scenario() -> None:
        queue = Queue(database, clock, a_completion(function_error="Unhandled"))
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await queue.rest()
            attempts = [len(queue.invoker.calls)]
            for seconds in (59, 1, 119, 1):
                await queue.after(seconds)
                attempts.append(len(queue.invoker.calls))
            await reached(lambda: queue.waiting() == 0)

        assert attempts == [1, 1, 2, 2, 3]
        assert {call.request_id for call in queue.invoker.calls} == {"r1"}
        assert queue.endings == [Exhausted(Condition.RETRIES_EXHAUSTED, attempts=3)]
        assert queue.settlements[0].completion == a_completion(function_error="Unhandled")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "failure",
    [
        TooManyRequestsException(reason="ConcurrentInvocationLimitExceeded"),
        ServiceException("the host is lost"),
        ResourceConflictException("Pending"),
        RuntimeError("a mistake of ours"),
    ],
)
def test_throttles_and_our_failures_are_retried_and_consume_no_attempt(
    database: Database, clock: ManualClock, failure: Exception
) -> None:
    async def scenario() -> None:
        queue = Queue(database, clock, failure, failure, failure, a_completion())
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            for seconds in (0, 1, 2, 4):
                await queue.after(seconds)
            await reached(lambda: queue.waiting() == 0)

        assert len(queue.invoker.calls) == 4
        assert queue.endings == [Settled(attempts=1)]

    asyncio.run(scenario())


def test_throttling_ends_with_the_age_of_the_event(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        queue = Queue(database, clock, THROTTLED)
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await queue.rest()
            await queue.after(21_600)
            await reached(lambda: queue.waiting() == 0)

        assert queue.endings == [Exhausted(Condition.EVENT_AGE_EXCEEDED, attempts=0)]
        assert len(queue.invoker.calls) == 1, "too old to be tried again"

    asyncio.run(scenario())


def test_zero_reserved_concurrency_ends_the_event_at_once(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        create_function(database, reserved_concurrency=0)
        queue = Queue(database, clock, THROTTLED)
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await reached(lambda: queue.waiting() == 0)

        assert queue.endings == [Exhausted(Condition.ZERO_RESERVED_CONCURRENCY, attempts=0)]

    asyncio.run(scenario())


def test_an_event_of_a_deleted_function_is_dropped(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        queue = Queue(database, clock, ResourceNotFoundException("Function not found"))
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await reached(lambda: queue.waiting() == 0)

        assert queue.endings == [Dropped(attempts=0)]

    asyncio.run(scenario())


def test_an_event_is_kept_while_only_this_process_does_not_know_the_function(
    database: Database, clock: ManualClock
) -> None:
    async def scenario() -> None:
        create_function(database)
        with database.session() as session:
            session.add(
                AliasRow(account=ACCOUNT, region=REGION, name="hello", alias="live", version="1", revision_id="r")
            )
        missing = ResourceNotFoundException("Function not found")
        queue = Queue(database, clock, missing, a_completion())
        async with queue.dispatching():
            await queue.acceptance.accept(a_call(qualifier="live"))
            await queue.rest()
            await queue.after(1)
            await reached(lambda: queue.waiting() == 0)

        assert queue.endings == [Settled(1)]

    asyncio.run(scenario())


def test_an_event_of_a_deleted_alias_is_dropped(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        create_function(database)
        queue = Queue(database, clock, ResourceNotFoundException("Function not found"))
        async with queue.dispatching():
            await queue.acceptance.accept(a_call(qualifier="gone"))
            await reached(lambda: queue.waiting() == 0)

        assert queue.endings == [Dropped(attempts=0)]

    asyncio.run(scenario())


def test_an_event_that_is_refused_for_good_ends(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        queue = Queue(database, clock, RequestTooLargeException("too large"))
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await reached(lambda: queue.waiting() == 0)

        assert queue.endings == [Exhausted(Condition.RETRIES_EXHAUSTED, attempts=0)]

    asyncio.run(scenario())


def test_events_run_side_by_side_up_to_the_bounds(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        gate = Gate()
        settings = replace(QUICK, running=5, running_per_function=3, claim_batch=2)
        queue = Queue(database, clock, gate, settings=settings)
        for name in ("f", "g"):
            for n in range(10):
                await queue.acceptance.accept(a_call(request_id=f"{name}{n}", name=name))
        async with queue.dispatching():
            await reached(lambda: gate.waiting == 5)
            first = [call.name for call in queue.invoker.calls]
            gate.opened.set()
            await reached(lambda: queue.waiting() == 0)

        assert sorted(first) == ["f", "f", "f", "g", "g"]
        assert queue.invoker.most_running <= 5
        assert len(queue.invoker.calls) == len(queue.settlements) == 20

    asyncio.run(scenario())


def test_two_dispatchers_share_the_events(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        first = Queue(database, clock, claimer_id="a", settings=replace(QUICK, claim_batch=3))
        second = Queue(database, clock, claimer_id="b", settings=replace(QUICK, claim_batch=3))
        await asyncio.gather(*(first.acceptance.accept(a_call(request_id=f"r{n}")) for n in range(60)))
        async with first.dispatching(), second.dispatching():
            await reached(lambda: first.waiting() == 0)

        ran = [call.request_id for queue in (first, second) for call in queue.invoker.calls]
        assert sorted(ran) == sorted(f"r{n}" for n in range(60))

    asyncio.run(scenario())


def test_what_a_dead_dispatcher_had_in_hand_is_run_by_another(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        gate = Gate()
        dying = Queue(database, clock, gate, claimer_id="dying")
        survivor = Queue(database, clock, claimer_id="survivor")
        running = asyncio.create_task(dying.dispatcher.run())
        await dying.acceptance.accept(a_call())
        await reached(lambda: gate.waiting == 1)
        running.cancel()
        await asyncio.wait([running])
        assert dying.waiting() == 1

        async with survivor.dispatching():
            await survivor.look()
            assert survivor.invoker.calls == [], "the claim is still in force"
            await survivor.after(QUICK.lease_s)
            await reached(lambda: survivor.waiting() == 0)

        assert survivor.invoker.calls == [a_call()]
        assert dying.settlements == []

    asyncio.run(scenario())


def test_a_running_event_stays_claimed_beyond_its_first_lease(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        gate = Gate()
        # It looks by itself never: on a busy machine it would take the other one's markers.
        slow = Queue(database, clock, gate, claimer_id="slow", settings=replace(QUICK, poll_s=3600.0))
        other = Queue(database, clock, claimer_id="other")
        async with slow.dispatching():
            await slow.acceptance.accept(a_call())
            await reached(lambda: gate.waiting == 1)
            async with other.dispatching():  # which looks at once, and might else have been the first to take it
                for _ in range(5):
                    claimed_until = due_at(database)
                    clock.advance(QUICK.lease_s - 1)
                    await reached(lambda until=claimed_until: due_at(database) > until)  # type: ignore[misc]
                    await other.look()
                gate.opened.set()
                await reached(lambda: slow.waiting() == 0)

        assert other.invoker.calls == []
        assert slow.endings == [Settled(1)]

    asyncio.run(scenario())


def due_at(database: Database) -> float:
    with database.reading() as session:
        return session.exec(select(EventRow.due_at).where(EventRow.request_id == "r1")).one()


def test_an_event_ends_also_when_telling_of_it_fails(database: Database, clock: ManualClock) -> None:
    async def fail(settlement: Settlement) -> None:
        raise RuntimeError("nobody listens")

    async def scenario() -> None:
        queue = Queue(database, clock, on_settled=fail)
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await reached(lambda: queue.waiting() == 0)

        assert len(queue.invoker.calls) == 1

    asyncio.run(scenario())


def test_close_gives_running_attempts_time_to_end(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        gate = Gate()
        queue = Queue(database, clock, gate, settings=replace(QUICK, grace_s=60.0))
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await reached(lambda: gate.waiting == 1)
            closing = asyncio.create_task(queue.dispatcher.close())
            await queue.acceptance.accept(a_call(request_id="too-late"))
            gate.opened.set()
            await closing

        assert queue.endings == [Settled(1)]
        assert queue.waiting() == 1

    asyncio.run(scenario())


class CountingDatabase(Database):
    """Counts how often it is asked what is due."""

    reads = 0

    @contextmanager
    def reading(self) -> Iterator[Session]:
        self.reads += 1
        with super().reading() as session:
            yield session


def test_an_idle_dispatcher_does_not_spin(database: Database, clock: ManualClock) -> None:
    async def scenario() -> None:
        counting = CountingDatabase(database.engine)
        queue = Queue(counting, clock, THROTTLED, settings=replace(QUICK, poll_s=1000))
        async with queue.dispatching():
            await queue.acceptance.accept(a_call())
            await queue.rest()
            before = counting.reads
            # As long as forty reads of the store take; a loop that spins would read about as often.
            for _ in range(40):
                await asyncio.to_thread(lambda: database.reading().__enter__().close())

        assert counting.reads - before <= 5

    asyncio.run(scenario())

"""The driver of asynchronous events: accepts them, claims what is due, runs it side by side, and writes down what follows.

Several dispatchers may share a store. A dispatcher that dies leaves its claims behind, and when their leases end another
one (or the next start of this one) makes the attempts again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from raylambda.model.clock import Clock
from raylambda.model.invocation import Call, Completion, Invoker
from raylambda.queue.attempt import Attempts
from raylambda.queue.claims import Claims, DispatchSettings, wait_for_event
from raylambda.queue.rules import Decision, History, RetryAt, after_attempt, before_attempt
from raylambda.queue.settlement import OnSettled, Settlement, log_settlement
from raylambda.store.engine import Database
from raylambda.store.errors import StoreUnavailable
from raylambda.store.events import ClaimedEvent, accept_event
from raylambda.store.group_writer import GroupWriter

_CONTENDED_S: Final = 0.1
"""The pause when something is due and another dispatcher is just taking it."""

log = structlog.get_logger(__name__)


class Acceptance:
    """Commits an event before the client reads its 202. ``wake`` is told of every event that was accepted here: the dispatcher of this process starts it at once."""

    def __init__(self, database: Database, clock: Clock, wake: Callable[[], None]) -> None:
        self._writer = GroupWriter(database)
        self._clock = clock
        self._wake = wake

    async def accept(self, call: Call) -> None:
        """Return when the event is committed; raises ``StoreUnavailable`` when it is not known to be."""
        now = self._clock.now()
        await self._writer.write(lambda session: accept_event(session, call, now))
        self._wake()


class Dispatcher:
    """Belongs to one event loop. ``claimer_id`` must be new with every start: claims are told apart by it."""

    def __init__(
        self,
        database: Database,
        invoker: Invoker,
        clock: Clock,
        claimer_id: str,
        settings: DispatchSettings | None = None,
        on_settled: OnSettled = log_settlement,
    ) -> None:
        self._settings = settings or DispatchSettings()
        self._attempts = Attempts(invoker, database)
        self._claims = Claims(database, clock, claimer_id, self._settings)
        self._clock = clock
        self._on_settled = on_settled
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed_turns = 0
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Dispatch until ``close`` (or until cancelled). Failures of the store are waited out."""
        self._runner = asyncio.current_task()
        renewing = asyncio.create_task(self._claims.keep_renewing(), name="queue-renew")
        try:
            while not self._closing.is_set():
                await self._turn_safely()
        finally:
            await self._end_attempts()
            renewing.cancel()

    async def close(self) -> None:
        """Claim nothing more, give running attempts ``grace_s``, and return when ``run`` has ended.

        Attempts that are given up keep their claims, and are made again when those end.
        """
        self._closing.set()
        self.wake()
        if self._runner is not None:
            await asyncio.wait([self._runner])

    def wake(self) -> None:
        """Look for work now; call it in the dispatcher's own thread."""
        self._woken.set()

    def describe(self) -> dict[str, object]:
        return {**self._claims.describe(), "failed_turns_in_a_row": self._failed_turns}

    async def _turn_safely(self) -> None:
        self._woken.clear()
        try:
            pause_s = await self._turn()
        except Exception as error:
            self._failed_turns += 1
            # Anything but an absent store is a mistake of ours; events must not wait for ever because of it.
            log.warning("queue_turn_failed", error=str(error), exc_info=not isinstance(error, StoreUnavailable))
            await wait_for_event(self._closing, self._settings.store_retry_s(self._failed_turns))
        else:
            self._failed_turns = 0
            await wait_for_event(self._woken, pause_s)

    async def _turn(self) -> float:
        """Take and start what there is room for; return how long there is nothing to do unless somebody wakes us."""
        if self._claims.room() <= 0:
            return self._settings.poll_s
        due_in_s = await self._claims.due_in()
        if due_in_s is None or due_in_s > 0:
            return self._settings.poll_s if due_in_s is None else min(due_in_s, self._settings.poll_s)
        events = await self._claims.take()
        for event in events:
            task = asyncio.create_task(self._handle(event), name=f"event-{event.call.request_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return 0.0 if events else _CONTENDED_S

    async def _handle(self, event: ClaimedEvent) -> None:
        try:
            decision, completion = await self._attempt(event)
            await self._conclude(event, decision, completion)
        except Exception:
            # The claim stays, and ends: the event is tried again then.
            log.exception("event_not_concluded", request_id=event.call.request_id)
        finally:
            self._claims.let_go(event)
            self.wake()

    async def _attempt(self, event: ClaimedEvent) -> tuple[Decision, Completion | None]:
        history = History(event.accepted_at, event.attempts, event.deferrals)
        too_late = before_attempt(history, self._clock.now(), self._settings.policy)
        if too_late is not None:
            return too_late, None
        outcome, completion = await self._attempts.make(event.call)
        return after_attempt(history, outcome, self._clock.now(), self._settings.policy), completion

    async def _conclude(self, event: ClaimedEvent, decision: Decision, completion: Completion | None) -> None:
        if isinstance(decision, RetryAt):
            await self._claims.defer(event, decision)
            return
        await self._tell(Settlement(event.call, decision, event.accepted_at, self._clock.now(), completion))
        await self._claims.settle(event)

    async def _tell(self, settlement: Settlement) -> None:
        try:
            await self._on_settled(settlement)
        except Exception:
            # Running the function again would not mend whoever was to be told.
            log.exception("event_settlement_not_told", request_id=settlement.call.request_id)

    async def _end_attempts(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.grace_s)
        self._claims.give_up()
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

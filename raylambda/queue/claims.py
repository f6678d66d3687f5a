"""The events that one dispatcher has in hand: taken, kept by renewal, and deferred or removed; and the bounds of all that."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlmodel import Session

from raylambda.model.clock import Clock
from raylambda.queue.rules import RetryAt, RetryPolicy
from raylambda.store.engine import Database
from raylambda.store.errors import StoreUnavailable
from raylambda.store.events import (
    Claim,
    ClaimedEvent,
    InHand,
    claim_events,
    defer_event,
    next_due,
    renew_claims,
    settle_event,
)
from raylambda.store.group_writer import GroupWriter

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """Times in seconds. ``renew_s`` must be well below ``lease_s``, and that well above the difference between two clocks.

    ``poll_s`` is how long an event waits at most that another process accepted and did not start. ``grace_s`` is how long
    ``close`` waits for attempts that have begun.
    """

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    running: int = 256
    running_per_function: int = 128
    claim_batch: int = 32
    lease_s: float = 60.0
    renew_s: float = 15.0
    poll_s: float = 5.0
    store_retry_first_s: float = 0.25
    store_retry_last_s: float = 15.0
    grace_s: float = 5.0

    def store_retry_s(self, failures: int) -> float:
        """The wait after ``failures`` failures of the store in a row."""
        return min(self.store_retry_last_s, self.store_retry_first_s * 2.0 ** min(failures - 1, 64))


class Claims:
    """Belongs to one event loop. An event is in hand from ``take`` until ``let_go``, whatever became of its lease."""

    def __init__(self, database: Database, clock: Clock, claimer_id: str, settings: DispatchSettings) -> None:
        self._database = database
        self._clock = clock
        self._claimer_id = claimer_id
        self._settings = settings
        self._writer = GroupWriter(database)
        self._in_hand: dict[str, ClaimedEvent] = {}
        self._taken = 0
        self._giving_up = asyncio.Event()

    def room(self) -> int:
        """How many events may be taken now."""
        return min(self._settings.claim_batch, self._settings.running - len(self._in_hand))

    async def due_in(self) -> float | None:
        """Seconds until something can be taken (0 or less: now); ``None`` when nothing waits. Raises ``StoreUnavailable``."""
        due_at = await asyncio.to_thread(self._next_due, self._snapshot())
        return None if due_at is None else due_at - self._clock.now()

    async def take(self) -> list[ClaimedEvent]:
        """Claim what is due, as far as there is room; raises ``StoreUnavailable``."""
        now = self._clock.now()
        self._taken += 1
        claim = Claim(f"{self._claimer_id}.{self._taken}", now, now + self._settings.lease_s, self.room())
        events = await asyncio.to_thread(self._claim, claim, self._snapshot())
        self._in_hand.update({event.call.request_id: event for event in events})
        return events

    def let_go(self, event: ClaimedEvent) -> None:
        """Forget the event here; in the store it is whatever was written last."""
        self._in_hand.pop(event.call.request_id, None)

    async def settle(self, event: ClaimedEvent) -> None:
        """Remove the event for good, however long that takes."""
        await self._write(event, lambda session: settle_event(session, event.call.request_id, event.token))

    async def defer(self, event: ClaimedEvent, retry: RetryAt) -> None:
        """Give the event back until its retry, however long that takes."""
        await self._write(
            event, lambda session: defer_event(session, event, retry.due_at, retry.attempts, retry.deferrals)
        )

    def give_up(self) -> None:
        """Wait no longer for a store that is away: from now on ``settle`` and ``defer`` raise ``StoreUnavailable``."""
        self._giving_up.set()

    async def keep_renewing(self) -> None:
        """Prolong all leases regularly, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.renew_s)
            if self._in_hand:
                await self._renew()

    def describe(self) -> dict[str, object]:
        return {"claimer_id": self._claimer_id, "claims": self._taken, "in_hand": sorted(self._in_hand)}

    def _snapshot(self) -> InHand:
        running = Counter(event.function for event in self._in_hand.values())
        return InHand(tuple(self._in_hand), running, self._settings.running_per_function)

    def _next_due(self, in_hand: InHand) -> float | None:
        with self._database.reading() as session:
            return next_due(session, in_hand)

    def _claim(self, claim: Claim, in_hand: InHand) -> list[ClaimedEvent]:
        with self._database.shared() as session:
            return claim_events(session, claim, in_hand)

    async def _write(self, event: ClaimedEvent, unit: Callable[[Session], bool]) -> None:
        """Write what was decided, also when the store is away for a while: deciding anew would mean to run the function again."""
        failures = 0
        while True:
            try:
                kept = await self._writer.write(unit)
                break
            except StoreUnavailable:
                if self._giving_up.is_set():
                    raise
                failures += 1
                await wait_for_event(self._giving_up, self._settings.store_retry_s(failures))
        if not kept:
            log.warning("event_claim_lost", request_id=event.call.request_id)

    async def _renew(self) -> None:
        claims = [(request_id, event.token) for request_id, event in self._in_hand.items()]
        until = self._clock.now() + self._settings.lease_s
        try:
            await self._writer.write(lambda session: renew_claims(session, claims, until))
        except Exception as error:
            # The next round tries again; a lease is several rounds long.
            log.warning("event_claims_not_renewed", error=str(error), exc_info=not isinstance(error, StoreUnavailable))


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Wait until ``event`` is set, at most ``seconds``."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)

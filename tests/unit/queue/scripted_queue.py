"""Builders for the queue: a scripted invoker, and a dispatcher that a test drives by moving the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlmodel import func, select

from raylambda.model.invocation import Call, Completion, InvocationResult
from raylambda.queue.claims import DispatchSettings
from raylambda.queue.dispatcher import Acceptance, Dispatcher
from raylambda.queue.rules import Ending
from raylambda.queue.settlement import OnSettled, Settlement
from raylambda.store.engine import Database
from raylambda.store.tables import EventRow
from raylambda.testing.clock import ManualClock

ACCOUNT, REGION = "123456789012", "eu-west-1"
MARKER = "marker"

Step = Exception | Completion | Callable[[Call], Awaitable[Completion]]
QUICK = DispatchSettings(grace_s=0.0, renew_s=0.01, store_retry_first_s=0.01, store_retry_last_s=0.05)


def a_call(request_id: str = "r1", name: str = "f", qualifier: str | None = None) -> Call:
    return Call(ACCOUNT, REGION, name, qualifier, request_id, b'{"n": 1}')


def a_completion(function_error: str | None = None) -> Completion:
    return Completion(InvocationResult(b"null", function_error), "$LATEST")


def count_events(database: Database) -> int:
    """How many events are accepted and not settled."""
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(EventRow)).one()


class ScriptedInvoker:
    """Answers each call with the next step of the script; the last step repeats. A step is an error, or what the function answers.

    The function ``MARKER`` is none of the script's: it always succeeds.
    """

    def __init__(self, *script: Step) -> None:
        self._script = list(script) or [a_completion()]
        self.calls: list[Call] = []
        self.running = 0
        self.most_running = 0

    async def invoke(self, call: Call) -> Completion:
        if call.name == MARKER:
            return a_completion()
        self.calls.append(call)
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if isinstance(step, Exception):
                raise step
            return step if isinstance(step, Completion) else await step(call)
        finally:
            self.running -= 1


class Queue:
    """One dispatcher with its acceptance, on a clock that stands still."""

    def __init__(
        self,
        database: Database,
        clock: ManualClock,
        *script: Step,
        settings: DispatchSettings | None = None,
        claimer_id: str = "a",
        on_settled: OnSettled | None = None,
    ) -> None:
        self.database = database
        self.invoker = ScriptedInvoker(*script)
        self.clock = clock
        self.settlements: list[Settlement] = []
        self._markers = 0
        self.dispatcher = Dispatcher(
            database, self.invoker, clock, claimer_id, settings or QUICK, on_settled or self._note
        )
        self.acceptance = Acceptance(database, clock, self.dispatcher.wake)

    async def _note(self, settlement: Settlement) -> None:
        if settlement.call.name == MARKER:
            self._markers += 1
        else:
            self.settlements.append(settlement)

    @property
    def endings(self) -> list[Ending]:
        return [settlement.ending for settlement in self.settlements]

    def waiting(self) -> int:
        return count_events(self.database)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; pytest's time-out ends a test whose condition never does."""
        while not condition():  # noqa: ASYNC110 - there is no event to wait for: the condition is about the store
            await asyncio.sleep(0.002)

    async def look(self) -> None:
        """Return once the dispatcher has taken all that is due now: a marker that is due last has come through."""
        markers = self._markers
        await self.acceptance.accept(a_call(f"marker-{markers}", MARKER))
        await self.until(lambda: self._markers > markers)

    async def rest(self) -> None:
        """Return once all that is due now has been tried, and what follows is written down."""
        await self.look()
        await self.until(lambda: self.dispatcher.describe()["in_hand"] == [])

    async def after(self, seconds: float) -> None:
        """Move the clock, and let everything happen that is due then."""
        self.clock.advance(seconds)
        await self.rest()

    @asynccontextmanager
    async def dispatching(self) -> AsyncIterator[Queue]:
        running = asyncio.create_task(self.dispatcher.run())
        try:
            yield self
        finally:
            await self.dispatcher.close()
            await running

"""A dispatcher on a scripted invoker, which a test drives by moving the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlmodel import func, select

from raylambda.model.invocation import Call, Completion
from raylambda.queue.claims import DispatchSettings
from raylambda.queue.dispatcher import Acceptance, Dispatcher
from raylambda.queue.rules import Ending
from raylambda.queue.settlement import OnSettled, Settlement
from raylambda.store.engine import Database
from raylambda.store.tables import EventRow
from raylambda.testing.calls import ScriptedInvoker, Step
from raylambda.testing.clock import ManualClock
from tests.builders import a_call, a_completion
from tests.waiting import reached

MARKER = "marker"

QUICK = DispatchSettings(grace_s=0.0, renew_s=0.01, store_retry_first_s=0.01, store_retry_last_s=0.05)


def count_events(database: Database) -> int:
    """How many events are accepted and not settled."""
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(EventRow)).one()


class MarkedInvoker(ScriptedInvoker):
    """The function ``MARKER`` is none of the script's: it always succeeds."""

    async def invoke(self, call: Call) -> Completion:
        return a_completion() if call.name == MARKER else await super().invoke(call)


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
        self.invoker = MarkedInvoker(*script)
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

    async def look(self) -> None:
        """Return once the dispatcher has taken all that is due now: a marker that is due last has come through."""
        markers = self._markers
        await self.acceptance.accept(a_call(request_id=f"marker-{markers}", name=MARKER))
        await reached(lambda: self._markers > markers)

    async def rest(self) -> None:
        """Return once all that is due now has been tried, and what follows is written down."""
        await self.look()
        await reached(lambda: self.dispatcher.describe()["in_hand"] == [])

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

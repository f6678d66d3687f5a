"""Taking an asynchronous event in: committed before the client reads its 202."""

from __future__ import annotations

from collections.abc import Callable

from raylambda.model.clock import Clock
from raylambda.model.invocation import Call
from raylambda.store.engine import Database
from raylambda.store.events import accept_event
from raylambda.store.group_writer import GroupWriter


class Acceptance:
    """``wake`` is told of every event that was accepted here: the dispatcher of this process starts it at once."""

    def __init__(self, database: Database, clock: Clock, wake: Callable[[], None]) -> None:
        self._writer = GroupWriter(database)
        self._clock = clock
        self._wake = wake

    async def accept(self, call: Call) -> None:
        """Return when the event is committed; raises ``StoreUnavailable`` when it is not known to be."""
        now = self._clock.now()
        await self._writer.write(lambda session: accept_event(session, call, now))
        self._wake()

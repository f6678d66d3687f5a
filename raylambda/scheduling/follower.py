"""Follows the change feed: keeps registry, admission limits and fleet in step with the store, and activates functions.

For every function that changed, in this order: its record goes to the registry, its reservation to admission, the list of
the generations that still serve to the fleet; only then is it activated in the store. So ``LastUpdateStatus: Successful``
means that new invocations run the new code (lambda-reference.md 11).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from raylambda.model.function import FunctionKey, FunctionRecord
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.registry import Registry
from raylambda.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Update:
    """The functions that changed, as they are now (``None``: deleted), and the change ``number`` that this covers.

    ``waiting`` are those that have a version to activate.
    """

    number: int
    records: Sequence[tuple[FunctionKey, FunctionRecord | None]]
    waiting: Sequence[FunctionKey]


class FunctionFeed(Protocol):
    """The store, as the follower sees it. Synchronous; called in threads; raises ``StoreUnavailable``."""

    def everything(self) -> Update: ...

    def since(self, number: int) -> Update: ...

    def activate(self, key: FunctionKey) -> FunctionRecord | None:
        """Make the function's waiting versions usable and return the function as it is then."""
        ...


class Retire(Protocol):
    """Whoever owns the environments (``FleetShell``)."""

    def retire(self, key: FunctionKey, current: frozenset[tuple[str, str]]) -> None: ...


class Follower:
    """Changes of this process are followed at once (``heard``), those of others within ``poll_s`` seconds.

    While the store cannot be reached, what is known goes on to serve, and nobody waits.
    """

    def __init__(
        self, feed: FunctionFeed, registry: Registry, admission: Admission, fleet: Retire, poll_s: float = _POLL_S
    ) -> None:
        self._feed = feed
        self._registry = registry
        self._admission = admission
        self._fleet = fleet
        self._poll_s = poll_s
        self._applied = 0
        self._heard = 0
        self._hearing = threading.Lock()
        self._failing = False
        self._wake = asyncio.Event()
        self._round = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Load and activate everything, then follow; raises ``StoreUnavailable`` when the store is not there at the start."""
        self._loop = asyncio.get_running_loop()
        await self._take_in(await asyncio.to_thread(self._feed.everything))
        self._task = self._loop.create_task(self._follow())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def heard(self, number: int) -> None:
        """The store has committed this change: a listener for ``Database.on_commit``, to be called from any thread."""
        with self._hearing:
            self._heard = max(self._heard, number)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def caught_up(self) -> None:
        """Return once everything that was ``heard`` is applied and activated, or the store fails."""
        while self._applied < self._heard and not self._failing:
            await self._round.wait()

    def describe(self) -> dict[str, object]:
        return {"applied_change": self._applied, "heard_change": self._heard, "store_fails": self._failing}

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._poll_s)
            self._wake.clear()
            await self._one_round()

    async def _one_round(self) -> None:
        try:
            await self._take_in(await asyncio.to_thread(self._feed.since, self._applied))
            self._failing = False
        except StoreUnavailable as error:
            self._fail("the store cannot be reached; known functions go on", error)
        except Exception as error:
            self._fail("a change cannot be followed; known functions go on", error)
        finally:
            self._round.set()
            self._round = asyncio.Event()

    def _fail(self, message: str, error: Exception) -> None:
        if not self._failing:
            log.error(message, error=str(error), exc_info=not isinstance(error, StoreUnavailable))
        self._failing = True

    async def _take_in(self, update: Update) -> None:
        for key, record in update.records:
            self._apply(key, record)
        for key in update.waiting:
            self._apply(key, await asyncio.to_thread(self._feed.activate, key))
        self._applied = max(self._applied, update.number)

    def _apply(self, key: FunctionKey, record: FunctionRecord | None) -> None:
        if record is None:
            self._registry.drop(key)
            self._admission.reserve(key, None)
            self._fleet.retire(key, frozenset())
            return
        self._registry.put(record)
        self._admission.reserve(key, record.reserved_concurrency)
        self._fleet.retire(key, frozenset((v.version, v.generation) for v in record.versions.values()))

"""The loop that follows the change feed, whatever the changes are about: one for each process that keeps rows in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog
from sqlmodel import Session

from raylambda.model.clock import Clock
from raylambda.store.changes import (
    Change,
    ChangeKind,
    change_is_kept,
    changes_since,
    forget_follower,
    keep_position,
    newest_change,
    prune_changes,
)
from raylambda.store.engine import Database
from raylambda.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

POLL_S: Final = 0.5
HEARTBEAT_S: Final = 60.0

_NOTHING_LOADED: Final = -1
"""The position of a follower that has not started; no change has this number."""


class Subscriber(Protocol):
    """Whoever keeps something in memory in step with the rows of one kind.

    A method that raises is called again later, with the same or more; being told twice must do no harm.
    """

    async def load(self) -> None:
        """Take in everything as it is now, and let go of what is gone."""
        ...

    async def apply(self, keys: Sequence[tuple[str, str, str]]) -> None:
        """Take in these (account, region, name) as they are now: new, changed or gone; each is told once."""
        ...


class ChangeFollower:
    """Changes of this process are followed at once, those of others within ``poll_s`` seconds.

    A change is *applied* when its subscriber has taken it in; changes of a kind without one are passed over. While the store
    cannot be reached, what is known goes on to serve, and nobody waits.

    Every ``heartbeat_s`` seconds the position is written down, in a unit of work of its own, and what all have passed is
    pruned. A follower that was away for so long that it was not waited for finds the row of its position gone, and loads
    everything anew. ``follower_id`` must be new with every start. Belongs to one event loop.
    """

    def __init__(
        self,
        database: Database,
        subscribers: Mapping[ChangeKind, Subscriber],
        clock: Clock,
        follower_id: str,
        poll_s: float = POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._database = database
        self._subscribers = subscribers
        self._clock = clock
        self._follower_id = follower_id
        self._poll_s = poll_s
        self._heartbeat_s = heartbeat_s
        self._applied = _NOTHING_LOADED
        self._heard = 0
        self._hearing = threading.Lock()
        self._failing = False
        self._wake = asyncio.Event()
        self._round = asyncio.Event()
        self._closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: asyncio.Task[None] | None = None
        self._living: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Load everything, then follow; raises ``StoreUnavailable`` when the store is not there at the start."""
        self._loop = asyncio.get_running_loop()
        self._database.on_commit(self._hear)
        await self.catch_up()
        self._following = self._loop.create_task(self._follow())
        self._living = self._loop.create_task(self._live())

    async def close(self) -> None:
        """Follow no longer, and hold back no rows."""
        self._closing.set()
        if self._following is not None and self._living is not None:
            self._following.cancel()
            await asyncio.gather(self._following, self._living, return_exceptions=True)

    async def caught_up(self) -> None:
        """Return once everything that this process has committed until now is applied, or the store fails."""
        await self.settled(self._heard)

    async def settled(self, number: int) -> None:
        """Return once this change, which this process has committed, is applied, or the store fails."""
        while self._applied < min(number, self._heard) and not self._failing:
            await self._round.wait()

    def describe(self) -> dict[str, object]:
        return {"applied_change": self._applied, "heard_change": self._heard, "failing": self._failing}

    async def catch_up(self) -> None:
        """One round: apply what came after the position, or load everything when that is not known any more."""
        heard = self._heard
        newest, changes = await asyncio.to_thread(self._read)
        for kind, subscriber in self._subscribers.items():
            if changes is None:
                await subscriber.load()
            elif keys := dict.fromkeys((one.account, one.region, one.name) for one in changes if one.kind == kind):
                await subscriber.apply(list(keys))
        self._applied = newest
        with self._hearing:
            if newest < heard == self._heard:
                # The database has lost commits (a standby took over, say): nobody shall wait for them.
                self._heard = newest

    async def keep_position(self) -> None:
        """Write down how far this follower has come, and prune what all have passed."""
        applied, now = self._applied, self._clock.now()

        def unit(session: Session) -> None:
            keep_position(session, self._follower_id, applied, now)
            prune_changes(session, now)

        await asyncio.to_thread(self._write, unit)

    def _hear(self, number: int) -> None:
        """This process has committed a change; called in any thread."""
        with self._hearing:
            self._heard = max(self._heard, number)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _follow(self) -> None:
        while True:
            await _wait_for(self._wake, self._poll_s)
            self._wake.clear()
            try:
                await self.catch_up()
                self._failing = False
            except StoreUnavailable as error:
                self._fail("the store cannot be reached; what is known goes on to serve", error)
            except Exception as error:
                self._fail("a change cannot be followed; what is known goes on to serve", error)
            finally:
                self._round.set()
                self._round = asyncio.Event()

    def _fail(self, message: str, error: Exception) -> None:
        if not self._failing:
            log.error(message, error=str(error), exc_info=not isinstance(error, StoreUnavailable))
        self._failing = True

    def _read(self) -> tuple[int, list[Change] | None]:
        """The number of the newest change, and what came after the position; ``None``: that is not known any more."""
        with self._database.reading() as session:
            newest = newest_change(session)
            if newest == self._applied:
                return newest, []
            if not change_is_kept(session, self._applied):
                return newest, None
            return newest, changes_since(session, self._applied)

    async def _live(self) -> None:
        """Say now and then that this follower is there, and at last that it is not."""
        while not self._closing.is_set():
            await self._written(self.keep_position())
            await _wait_for(self._closing, self._heartbeat_s)
        await self._written(asyncio.to_thread(self._write, lambda session: forget_follower(session, self._follower_id)))

    async def _written(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except Exception as error:
            # The next beat tries again, and others wait for nobody for ever.
            log.warning(
                "follower_position_not_kept", error=str(error), exc_info=not isinstance(error, StoreUnavailable)
            )

    def _write(self, unit: Callable[[Session], None]) -> None:
        with self._database.shared() as session:
            unit(session)


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)

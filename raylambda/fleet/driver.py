"""The async shell of the fleet: feeds it events, has its commands carried out, and hands places to the invoker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from raylambda.fleet.events import (
    FleetCommand,
    FleetEvent,
    GrantLease,
    HostFailed,
    HostReady,
    Lease,
    LeaseReturned,
    PlacementAbandoned,
    PlacementRequested,
    Refusal,
    RefusePlacement,
    Tick,
    VersionRetired,
)
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper
from raylambda.hosts.ports import Host, HostUnfit
from raylambda.model.clock import Clock
from raylambda.model.environment import HostFacts
from raylambda.model.function import FunctionKey, FunctionVersion

_log = logging.getLogger(__name__)

_TICK_S = 1.0
_CLOSING = "The platform is shutting down."


class PlacementRefused(Exception):
    """No environment for this call; ``refusal`` says why in one word, ``message`` for people."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.message = message


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call runs: the lease of an environment, and the host that holds it."""

    lease: Lease
    host: Host


class FleetShell:
    """All methods are called from one event loop. ``sleep`` is the seam through which time passes between ticks."""

    def __init__(
        self,
        fleet: Fleet,
        keeper: HostKeeper,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fleet = fleet
        self._keeper = keeper
        self._clock = clock
        self._sleep = sleep
        self._numbers = count(1)
        self._placements: dict[int, asyncio.Future[Place]] = {}
        self._first_host_told = asyncio.Event()
        self._unfit: str | None = None
        self._timekeeper: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self) -> None:
        """Begin to keep time; the first tick asks for the hosts that are kept as head-room."""
        self._timekeeper = asyncio.get_running_loop().create_task(self._keep_time())

    async def ready(self) -> None:
        """Wait until the first host runs; raises ``HostUnfit`` when its node cannot isolate functions as demanded."""
        await self._first_host_told.wait()
        if self._unfit is not None:
            raise HostUnfit(self._unfit)

    async def close(self) -> None:
        """Refuse who waits, and release every host, with everything in it."""
        self._closing = True
        if self._timekeeper is not None:
            self._timekeeper.cancel()
            await asyncio.gather(self._timekeeper, return_exceptions=True)
        for answer in self._placements.values():
            _fail(answer, PlacementRefused(Refusal.NO_CAPACITY, _CLOSING))
        self._placements.clear()
        await self._keeper.close()

    async def place(self, version: FunctionVersion) -> Place:
        """Get an environment of the version, warm or new; raises ``PlacementRefused``. Return it by ``give_back``."""
        if self._closing:
            raise PlacementRefused(Refusal.NO_CAPACITY, _CLOSING)
        placement_id = next(self._numbers)
        answer: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._placements[placement_id] = answer
        self._feed(PlacementRequested(placement_id, version))
        try:
            return await answer
        except asyncio.CancelledError:
            self._abandon(placement_id, answer)
            raise

    def _abandon(self, placement_id: int, answer: asyncio.Future[Place]) -> None:
        if self._placements.pop(placement_id, None) is not None:
            self._feed(PlacementAbandoned(placement_id))
        elif not answer.cancelled() and answer.exception() is None:
            self.give_back(answer.result().lease, reusable=True)

    def give_back(self, lease: Lease, *, reusable: bool) -> None:
        self._feed(LeaseReturned(lease, reusable))

    def lose(self, host_id: str) -> None:
        """A call found out that this host is gone."""
        self._keeper.lose(host_id, self._feed)

    def retire(self, key: FunctionKey, current: frozenset[tuple[str, str]]) -> None:
        """Only these (version, generation) pairs of the function serve from now on."""
        self._feed(VersionRetired(key, current))

    def tick(self) -> None:
        """Tell the fleet the time."""
        self._feed(Tick())

    def hosts(self) -> tuple[HostFacts, ...]:
        return tuple(host.facts for host in self._keeper.hosts())

    def describe(self) -> dict[str, object]:
        return self._fleet.describe()

    def _feed(self, event: FleetEvent) -> None:
        for command in self._fleet.handle(event, self._clock.monotonic()):
            self._carry_out(command)
        self._note_first_host(event)

    def _note_first_host(self, event: FleetEvent) -> None:
        if self._first_host_told.is_set():
            return
        match event:
            case HostReady():
                self._first_host_told.set()
            case HostFailed(error=error, unfit=True):
                self._unfit = error
                self._first_host_told.set()

    def _carry_out(self, command: FleetCommand) -> None:
        match command:
            case GrantLease(lease):
                answer = self._placements.pop(lease.placement_id)
                if answer.cancelled():
                    # The taker has had no turn yet to say that it was cancelled; after this turn the lease goes back.
                    asyncio.get_running_loop().call_soon(lambda: self.give_back(lease, reusable=True))
                else:
                    answer.set_result(Place(lease, self._keeper.host(lease.host_id)))
            case RefusePlacement(placement_id, refusal, message):
                _fail(self._placements.pop(placement_id), PlacementRefused(refusal, message))
            case _ if not self._closing:
                self._keeper.carry_out(command, self._feed)

    async def _keep_time(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:
                _log.exception("the fleet failed at a tick; time goes on")
            await self._sleep(_TICK_S)


def _fail(answer: asyncio.Future[Place], error: PlacementRefused) -> None:
    if not answer.done():
        answer.set_exception(error)

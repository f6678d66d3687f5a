"""Drives the fleet: tells it events, has its orders carried out, and hands its leases to those who wait for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any

from raylambda.fleet.environment_orders import EnvironmentOrders
from raylambda.fleet.events import (
    BootEnvironment,
    CodeCame,
    CreateHost,
    FleetCommand,
    FleetEvent,
    GrantLease,
    HostDied,
    HostFailed,
    HostReady,
    LeaseGivenBack,
    PlacementAbandoned,
    PlacementRequested,
    PrepareHost,
    RefusePlacement,
    ReleaseHost,
    StopEnvironment,
    Tick,
    VersionRetired,
)
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper, Tell
from raylambda.hosts.placing import Lease, PlacementRefused, Refusal
from raylambda.hosts.ports import HostUnfit
from raylambda.model.clock import Clock
from raylambda.model.function import FunctionKey, FunctionVersion

_log = logging.getLogger(__name__)

_TICK_S = 1.0
_CLOSING = "The platform is shutting down."


class FleetDriver:
    """All methods are called from one event loop. ``sleep`` is the seam through which time passes between ticks.

    An order that is answered is a task that ends with its event; the task of a host lasts as long as the host.
    """

    def __init__(
        self,
        fleet: Fleet,
        keeper: HostKeeper,
        environments: EnvironmentOrders,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fleet = fleet
        self._keeper = keeper
        self._environments = environments
        self._clock = clock
        self._sleep = sleep
        self._numbers = count(1)
        self._placements: dict[int, asyncio.Future[Lease]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._first_host_told = asyncio.Event()
        self._unfit: str | None = None
        self._closing = False

    async def open(self) -> None:
        """Begin to keep time; the first tick asks for the hosts that are kept as head-room."""
        self._spawn(_keep_time(self.tick, self._sleep))

    async def ready(self) -> None:
        """Wait until the first host runs; raises ``HostUnfit`` when its node cannot isolate functions as demanded."""
        await self._first_host_told.wait()
        if self._unfit is not None:
            raise HostUnfit(self._unfit)

    async def close(self) -> None:
        """Refuse who waits, and release every host, with everything in it; the fleet is told nothing more."""
        self._closing = True
        for answer in self._placements.values():
            if not answer.done():
                answer.set_exception(PlacementRefused(Refusal.NO_CAPACITY, _CLOSING))
        self._placements.clear()
        await self._keeper.release_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A host that was being made may have come up meanwhile.
        await self._keeper.release_all()

    async def place(self, version: FunctionVersion) -> Lease:
        """Get an environment of the version, warm or new; raises ``PlacementRefused``. Whoever is cancelled holds no lease."""
        if self._closing:
            raise PlacementRefused(Refusal.NO_CAPACITY, _CLOSING)
        placement_id = next(self._numbers)
        answer: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        self._placements[placement_id] = answer
        self._tell(PlacementRequested(placement_id, version))
        try:
            return await answer
        except asyncio.CancelledError:
            if self._placements.pop(placement_id, None) is not None:
                self._tell(PlacementAbandoned(placement_id))
            elif not answer.cancelled() and answer.exception() is None:
                self.give_back(answer.result(), reusable=True)
            raise

    def give_back(self, lease: Lease, *, reusable: bool) -> None:
        """The caller of ``place`` is done; a second time changes nothing."""
        self._tell(LeaseGivenBack(lease, reusable))

    def lose(self, host_id: str) -> None:
        """A call found out that this host is gone; it is forgotten, and shut down in the background."""
        self._tell(HostDied(host_id))

    def retire(self, key: FunctionKey, current: frozenset[tuple[str, str]]) -> None:
        """Only these (version, generation) pairs of the function serve from now on."""
        self._tell(VersionRetired(key, current))

    def code_came(self, version: FunctionVersion) -> None:
        """Have this version's code on the nodes that may be asked for it, in the background."""
        self._tell(CodeCame(version))

    def tick(self) -> None:
        """Tell the fleet the time."""
        self._tell(Tick())

    def describe(self) -> dict[str, object]:
        """Hosts and their environments, as plain data."""
        return self._fleet.describe()

    def explain(self, key: FunctionKey) -> dict[str, object]:
        """Why one function gets what it gets, as plain data; ``at`` is in seconds since the epoch."""
        return self._fleet.explain(key, self._clock.now() - self._clock.monotonic())

    def tells_of(self, key: FunctionKey) -> bool:
        """Whether ``explain`` would say anything; costs next to nothing."""
        return self._fleet.tells_of(key)

    def _tell(self, event: FleetEvent) -> None:
        if self._closing:
            return
        match event:
            case HostReady():
                self._first_host_told.set()
            case HostFailed(error=error, unfit=True) if not self._first_host_told.is_set():
                self._unfit = error
                self._first_host_told.set()
            case HostDied(host_id):
                self._keeper.release(host_id)
        for command in self._fleet.handle(event, self._clock.monotonic()):
            self._carry_out(command)

    def _carry_out(self, command: FleetCommand) -> None:
        match command:
            case GrantLease(lease):
                answer = self._placements.pop(lease.placement_id)
                if answer.cancelled():
                    # The taker has had no turn yet to say that it was cancelled; after this turn the lease goes back.
                    asyncio.get_running_loop().call_soon(lambda: self.give_back(lease, reusable=True))
                else:
                    answer.set_result(lease)
            case RefusePlacement(placement_id, refusal, message):
                answer = self._placements.pop(placement_id)
                if not answer.done():
                    answer.set_exception(PlacementRefused(refusal, message))
            case CreateHost():
                self._spawn(self._keeper.keep(command, self._tell))
            case ReleaseHost(host_id):
                self._keeper.release(host_id)
            case BootEnvironment():
                self._spawn(_tell_answer(self._environments.boot(command), self._tell))
            case PrepareHost():
                self._spawn(_tell_answer(self._environments.prepare(command), self._tell))
            case StopEnvironment():
                self._spawn(_tell_answer(self._environments.stop(command), self._tell))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _keep_time(tick: Callable[[], None], sleep: Callable[[float], Awaitable[None]]) -> None:
    while True:
        try:
            tick()
        except Exception:
            _log.exception("the fleet failed at a tick; time goes on")
        await sleep(_TICK_S)


async def _tell_answer(answer: Awaitable[FleetEvent | None], tell: Tell) -> None:
    if (event := await answer) is not None:
        tell(event)

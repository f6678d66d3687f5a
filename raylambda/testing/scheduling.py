"""The whole path of a call without HTTP and without a store: registry, admission, leases, fleet, hosts, invoker."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from uuid import uuid4

from raylambda.fleet.driver import FleetDriver
from raylambda.fleet.environment_orders import EnvironmentOrders
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper
from raylambda.fleet.policy import FixedIdleTime, FleetPolicy
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.listener import HostListener
from raylambda.hosts.placing import Lease
from raylambda.hosts.ports import Cluster, PackageShelf
from raylambda.model.clock import Clock
from raylambda.model.environment import LogLines
from raylambda.model.function import FunctionKey, FunctionRecord
from raylambda.model.invocation import InvocationResult, Target
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.invoker import Invoker
from raylambda.scheduling.leases import Leases
from raylambda.scheduling.registry import Registry

_IDLE_S = 600.0


class NothingToFollow:
    """What an invoker follows where there is no store: only this process changes the registry."""

    async def caught_up(self) -> None:
        return None


async def never(_seconds: float) -> None:
    """A ``sleep`` for fleets that tick only when a test says so."""
    await asyncio.Event().wait()


@dataclass
class Scheduling:
    """All parts of the path on one cluster. ``logs`` are the lines that hosts sent, ``metered`` the calls that ran.

    ``sleep`` is the seam through which time passes between two ticks of the fleet, ``new_id`` names hosts and environments.
    """

    cluster: Cluster
    packages: PackageShelf
    clock: Clock
    policy: FleetPolicy
    limit: int = 1000
    silence_s: float = 30.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    new_id: Callable[[], str] = lambda: uuid4().hex

    def __post_init__(self) -> None:
        self._keys: list[FunctionKey] = []
        self.logs: list[LogLines] = []
        self.metered: list[tuple[Target, Lease, InvocationResult]] = []
        self.registry, self.admission, self.hosts = Registry(lambda: 0.0), Admission(self.limit), HostDirectory()
        self.fleet = Fleet(self.policy, FixedIdleTime(_IDLE_S), self.new_id)
        keeper = HostKeeper(self.cluster, self.hosts, partial(HostListener, self.logs.append, silence_s=self.silence_s))
        orders = EnvironmentOrders(self.hosts, self.packages, self.clock)
        self.driver = FleetDriver(self.fleet, keeper, orders, self.clock, self.sleep)
        self.leases = Leases(self.admission, self.driver)
        self.invoker = Invoker(NothingToFollow(), self.registry, self.leases, self.hosts, self._meter)

    @asynccontextmanager
    async def running(self, *records: FunctionRecord) -> AsyncIterator[Self]:
        """Run, knowing these functions; afterwards every host is released."""
        for record in records:
            self.registry.put(record)
            self._keys.append(record.key)
        await self.driver.open()
        try:
            yield self
        finally:
            await self.driver.close()

    def environments(self) -> Counter[str]:
        """How many environments there are in each state."""
        return environments_by_state(self.fleet)

    def is_settled(self) -> bool:
        """No unit of a function that runs here and no lease is out; raises ``AssertionError`` when the books disagree."""
        self.admission.check()
        self.fleet.check()
        units = sum(self.admission.units(key) for key in self._keys)
        return units == 0 and not self.environments()["leased"]

    def _meter(self, target: Target, lease: Lease, result: InvocationResult) -> None:
        self.metered.append((target, lease, result))


def environments_by_state(fleet: Fleet) -> Counter[str]:
    """How many environments the fleet has in each state."""
    hosts: list[dict[str, Any]] = fleet.describe()["hosts"]  # type: ignore[assignment]
    return Counter(environment["state"] for host in hosts for environment in host["environments"])

"""The whole path of a call on fake hosts: registry, admission, fleet, driver, invoker."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from raylambda.fleet.driver import FleetDriver
from raylambda.fleet.environment_orders import EnvironmentOrders
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper
from raylambda.fleet.policy import FixedIdleTime, FleetPolicy
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.listener import HostListener
from raylambda.hosts.placing import Lease
from raylambda.model.environment import LogLines
from raylambda.model.function import FunctionRecord
from raylambda.model.invocation import Call, InvocationResult, Target
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.invoker import Invoker
from raylambda.scheduling.leases import Leases
from raylambda.scheduling.registry import Registry
from raylambda.testing.clock import ManualClock
from raylambda.testing.hosts import FakeCluster, FakePackages, Script
from tests.builders import a_version
from tests.unit.fleet.told_fleet import environments_by_state

KEY = ("123456789012", "us-east-1", "hello")


class NothingToFollow:
    """Nobody changes the registry behind the test's back."""

    async def caught_up(self) -> None:
        return None


async def never(_seconds: float) -> None:
    """Time does not pass by itself."""
    await asyncio.Event().wait()


@dataclass
class Platform:
    invoker: Invoker
    registry: Registry
    admission: Admission
    fleet: Fleet
    driver: FleetDriver
    hosts: HostDirectory
    leases: Leases
    cluster: FakeCluster
    script: Script
    clock: ManualClock
    logs: list[LogLines] = field(default_factory=list)
    metered: list[tuple[Target, Lease, InvocationResult]] = field(default_factory=list)

    def is_settled(self) -> bool:
        """No unit and no lease is out."""
        self.admission.check()
        self.fleet.check()
        return self.admission.units(KEY) == 0 and "leased" not in self.environments()

    def environments(self) -> Counter[str]:
        return environments_by_state(self.fleet)


@asynccontextmanager
async def a_platform(
    limit: int = 1000, silence_s: float = 60.0, cluster: FakeCluster | None = None, **policy: Any
) -> AsyncIterator[Platform]:
    """A platform that knows one function, ``hello``; nothing of it is left afterwards."""
    numbers = count(1)
    script = Script()
    cluster = cluster or FakeCluster()
    cluster.script = script
    clock, registry, admission = ManualClock(), Registry(lambda: 0.0), Admission(limit)
    fleet = Fleet(FleetPolicy(**policy), FixedIdleTime(600.0), lambda: f"{next(numbers):032x}")
    logs: list[LogLines] = []
    metered: list[tuple[Target, Lease, InvocationResult]] = []
    hosts = HostDirectory()
    keeper = HostKeeper(cluster, hosts, partial(HostListener, logs.append, silence_s=silence_s))
    driver = FleetDriver(fleet, keeper, EnvironmentOrders(hosts, FakePackages(), clock), clock, never)
    leases = Leases(admission, driver)
    invoker = Invoker(NothingToFollow(), registry, leases, hosts, lambda *seen: metered.append(seen))
    registry.put(a_record())
    await driver.open()
    try:
        yield Platform(
            invoker, registry, admission, fleet, driver, hosts, leases, cluster, script, clock, logs, metered
        )
    finally:
        await driver.close()


def a_record(**changes: object) -> FunctionRecord:
    """``hello`` with ``$LATEST`` only; ``changes`` are those of the version."""
    version = a_version(**changes)
    return FunctionRecord(version.account, version.region, version.name, {version.version: version})


def a_call(payload: bytes = b"{}", qualifier: str | None = None, name: str = "hello") -> Call:
    return Call("123456789012", "us-east-1", name, qualifier, "request-1", payload)

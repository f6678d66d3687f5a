"""The whole path of a call on fake hosts: registry, admission, fleet, shell, invoker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from raylambda.fleet.capacity import FleetPolicy
from raylambda.fleet.driver import FleetShell
from raylambda.fleet.events import Lease
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper
from raylambda.fleet.policy import FixedIdleTime
from raylambda.model.environment import LogLines
from raylambda.model.function import FunctionRecord
from raylambda.model.invocation import Call, InvocationResult
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.invoker import Invoker
from raylambda.scheduling.registry import Registry, Target
from raylambda.testing.clock import ManualClock
from raylambda.testing.hosts import FakeCluster, FakePackages, Script
from tests.builders import a_version

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
    shell: FleetShell
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

    def environments(self) -> dict[str, int]:
        environments: dict[str, int] = self.fleet.describe()["environments"]  # type: ignore[assignment]
        return environments


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
    shell = FleetShell(fleet, HostKeeper(cluster, FakePackages(), logs.append, clock, silence_s), clock, never)
    invoker = Invoker(NothingToFollow(), registry, admission, shell, lambda *seen: metered.append(seen))
    registry.put(a_record())
    await shell.open()
    try:
        yield Platform(invoker, registry, admission, fleet, shell, cluster, script, clock, logs, metered)
    finally:
        await shell.close()


def a_record(**changes: object) -> FunctionRecord:
    """``hello`` with ``$LATEST`` only; ``changes`` are those of the version."""
    version = a_version(**changes)
    return FunctionRecord(version.account, version.region, version.name, {version.version: version})


def a_call(payload: bytes = b"{}", qualifier: str | None = None, name: str = "hello") -> Call:
    return Call("123456789012", "us-east-1", name, qualifier, "request-1", payload)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, five seconds at most."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's state
            await asyncio.sleep(0)

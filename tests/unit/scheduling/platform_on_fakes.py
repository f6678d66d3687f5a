"""The whole path of a call on fake hosts and on time that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from raylambda.fleet.policy import FleetPolicy
from raylambda.testing.clock import ManualClock
from raylambda.testing.hosts import FakeCluster, FakePackages, Script
from raylambda.testing.scheduling import Scheduling, never
from tests.builders import a_record


@dataclass
class Platform(Scheduling):
    """The parts, on fakes that a test may script and kill, and on a clock that it moves."""

    cluster: FakeCluster
    clock: ManualClock

    @property
    def script(self) -> Script:
        return self.cluster.script


@asynccontextmanager
async def a_platform(
    limit: int = 1000, silence_s: float = 60.0, cluster: FakeCluster | None = None, **policy: Any
) -> AsyncIterator[Platform]:
    """A platform that knows one function, ``hello``; nothing of it is left afterwards."""
    numbers = count(1)
    platform = Platform(
        cluster or FakeCluster(),
        FakePackages(),
        ManualClock(),
        FleetPolicy(**policy),
        limit,
        silence_s,
        sleep=never,
        new_id=lambda: f"{next(numbers):032x}",
    )
    async with platform.running(a_record()):
        yield platform

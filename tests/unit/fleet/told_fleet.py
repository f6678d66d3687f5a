"""Drives a fleet by events: builders of events with defaults, readable ids, and ``check()`` after each event."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any, TypeVar

from raylambda.fleet.events import (
    BootEnvironment,
    CreateHost,
    EnvironmentReady,
    FleetCommand,
    FleetEvent,
    GrantLease,
    HostReady,
    LeaseGivenBack,
    PlacementRequested,
    Tick,
)
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.policy import FixedIdleTime, FleetPolicy
from raylambda.hosts.placing import Lease
from raylambda.model.function import FunctionVersion
from raylambda.testing.scheduling import environments_by_state
from tests.builders import a_version

_Command = TypeVar("_Command", bound=FleetCommand)


class ToldFleet:
    """``tell`` feeds one event and returns its commands; ``now`` moves by ``wait``."""

    def __init__(self, idle_timeout_s: float = 600.0, **policy: Any) -> None:
        numbers = count(1)
        policy = {"head_room": 0, **policy}
        self.fleet = Fleet(FleetPolicy(**policy), FixedIdleTime(idle_timeout_s), lambda: f"id-{next(numbers)}")
        self.now = 0.0
        self._placements = count(1)

    def tell(self, event: FleetEvent) -> list[FleetCommand]:
        commands = self.fleet.handle(event, self.now)
        self.fleet.check()
        return commands

    def wait(self, seconds: float) -> list[FleetCommand]:
        self.now += seconds
        return self.tell(Tick())

    def request(self, version: FunctionVersion | None = None) -> tuple[int, list[FleetCommand]]:
        placement_id = next(self._placements)
        return placement_id, self.tell(PlacementRequested(placement_id, version or a_version()))

    def a_host(self, memory_mb: int = 1024, node_id: str = "node-1", version: FunctionVersion | None = None) -> str:
        """A host that a first placement brought up; the placement's environment is started and its lease returned."""
        _, commands = self.request(version)
        create = only(commands, CreateHost)
        start = only(self.tell(HostReady(create.host_id, node_id, memory_mb)), BootEnvironment)
        lease = self.ready(start)
        self.give_back(lease)
        return create.host_id

    def ready(self, start: BootEnvironment) -> Lease:
        return only(self.tell(EnvironmentReady(start.environment_id)), GrantLease).lease

    def lease(self, version: FunctionVersion | None = None) -> Lease:
        """Lease an environment that is idle, or one that can start at once."""
        _, commands = self.request(version)
        match commands:
            case [GrantLease(lease)]:
                return lease
            case [BootEnvironment() as start]:
                return self.ready(start)
        raise AssertionError(f"no lease at once: {commands}")

    def give_back(self, lease: Lease, *, reusable: bool = True) -> list[FleetCommand]:
        return self.tell(LeaseGivenBack(lease, reusable))

    def environments(self) -> Counter[str]:
        return environments_by_state(self.fleet)


def only(commands: list[FleetCommand], kind: type[_Command]) -> _Command:
    """The one command there is, which is of this kind."""
    assert [type(command) for command in commands] == [kind], commands
    command = commands[0]
    assert isinstance(command, kind)
    return command

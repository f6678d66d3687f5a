"""The decider that knows all hosts and environments, and starts, leases and retires them. Pure: events in, commands out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from raylambda.fleet import audit
from raylambda.fleet.capacity import Capacity, FleetPolicy
from raylambda.fleet.environment_events import EnvironmentEvents
from raylambda.fleet.events import (
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    FleetCommand,
    FleetEvent,
    HostFailed,
    HostLost,
    HostReady,
    LeaseReturned,
    PlacementAbandoned,
    PlacementRequested,
    Tick,
    VersionRetired,
)
from raylambda.fleet.host_events import HostEvents
from raylambda.fleet.host_supply import HostSupply
from raylambda.fleet.placements import Placements
from raylambda.fleet.policy import KeepAlive
from raylambda.fleet.state import FleetState, NewId


class Fleet:
    """One event at a time: ``handle`` returns what is to be done now, in order.

    A placement takes whichever comes first, an environment that is returned or one that it caused to start; what is
    started in excess becomes idle. Events about what is gone by then change nothing: the shell may report late, or twice.
    """

    def __init__(self, policy: FleetPolicy, keep_alive: KeepAlive, new_id: NewId) -> None:
        self._keep_alive = keep_alive
        self._state = FleetState()
        self._capacity = Capacity(self._state, new_id)
        self._supply = HostSupply(self._state, self._capacity, policy, new_id)
        self._placements = Placements(self._state, self._capacity, self._supply, policy)
        environments = EnvironmentEvents(self._state, self._capacity, self._supply, self._placements)
        hosts = HostEvents(self._state, self._supply, self._placements)
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            PlacementRequested: self._placements.requested,
            PlacementAbandoned: self._placements.abandoned,
            EnvironmentReady: environments.ready,
            EnvironmentFailed: environments.failed,
            EnvironmentGone: environments.gone,
            LeaseReturned: environments.returned,
            VersionRetired: environments.retired,
            HostReady: hosts.ready,
            HostFailed: hosts.failed,
            HostLost: hosts.lost,
            Tick: self._tick,
        }

    def handle(self, event: FleetEvent, now: float) -> list[FleetCommand]:
        """Take in one event at ``now`` (seconds that only grow) and return the commands that follow from it."""
        self._state.begin(event, now)
        self._handlers[type(event)](event)
        return self._state.commands

    def _tick(self, event: Tick) -> None:
        self._placements.expire()
        for environment in tuple(self._state.idle.values()):
            if not self._keep_alive.keeps(environment.pool.version, self._state.now - environment.since):
                self._capacity.stop(environment)
        self._supply.release_idle_hosts()
        for pool in tuple(self._state.starved.values()):
            self._placements.serve(pool)
        self._supply.keep_head_room()

    def story(self, subject: str) -> list[dict[str, object]]:
        """How an environment or a host got where it is: time, turn, cause, from, to; oldest first."""
        return self._state.story(subject)

    def describe(self) -> dict[str, object]:
        """Hosts, environments and who waits, as plain data."""
        return audit.describe(self._state)

    def check(self) -> None:
        """Raise ``AssertionError`` when the books contradict each other."""
        audit.check(self._state)
        self._placements.check()

"""The decider that knows all hosts and environments, and starts, leases and retires them. Pure: events in, commands out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from raylambda.fleet import audit, explain
from raylambda.fleet.capacity import Capacity
from raylambda.fleet.events import (
    CodeCame,
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    FleetCommand,
    FleetEvent,
    HostDied,
    HostFailed,
    HostReady,
    LeaseGivenBack,
    PlacementAbandoned,
    PlacementRequested,
    ReleaseHost,
    Tick,
    VersionRetired,
)
from raylambda.fleet.host_supply import HostSupply
from raylambda.fleet.placements import Placements
from raylambda.fleet.policy import FleetPolicy, KeepAlive
from raylambda.fleet.state import STARTING, Environment, FleetState, NewId
from raylambda.hosts.placing import Refusal
from raylambda.model.function import FunctionKey


class Fleet:
    """One event at a time: ``handle`` returns what is to be done now, in order.

    A placement takes whichever comes first, an environment that is given back or one that it caused to start; what is
    started in excess becomes idle. Events about what is gone by then change nothing: the driver may report late, or twice.
    """

    def __init__(self, policy: FleetPolicy, keep_alive: KeepAlive, new_id: NewId) -> None:
        self._keep_alive = keep_alive
        self._state = FleetState()
        self._capacity = Capacity(self._state, new_id)
        self._supply = HostSupply(self._state, self._capacity, policy, new_id)
        self._placements = Placements(self._state, self._capacity, self._supply, policy)
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            PlacementRequested: self._placements.requested,
            PlacementAbandoned: self._placements.abandoned,
            LeaseGivenBack: self._given_back,
            EnvironmentReady: self._environment_ready,
            EnvironmentFailed: self._environment_failed,
            EnvironmentGone: self._environment_gone,
            VersionRetired: self._version_retired,
            CodeCame: self._capacity.code_came,
            HostReady: self._host_ready,
            HostFailed: self._host_failed,
            HostDied: self._host_died,
            Tick: self._tick,
        }

    def handle(self, event: FleetEvent, now: float) -> list[FleetCommand]:
        """Take in one event at ``now`` (seconds that only grow) and return the commands that follow from it."""
        self._state.begin(event, now)
        self._handlers[type(event)](event)
        return self._state.commands

    def describe(self) -> dict[str, object]:
        """Hosts and their environments, as plain data."""
        return explain.describe(self._state)

    def explain(self, key: FunctionKey, epoch: float = 0.0) -> dict[str, object]:
        """Why one function gets what it gets, as plain data; times count from ``epoch``."""
        return explain.Explainer(self._state, self._supply).explain(key, epoch)

    def tells_of(self, key: FunctionKey) -> bool:
        """Whether ``explain`` would say anything."""
        return self._state.tells_of(key)

    def check(self) -> None:
        """Raise ``AssertionError`` when the books contradict each other."""
        audit.check(self._state)
        self._placements.check()

    # -- leases and environments -----------------------------------------------------------------------------------

    def _given_back(self, event: LeaseGivenBack) -> None:
        environment = self._state.environments.get(event.lease.environment_id)
        if environment is None or environment.lease != event.lease:
            return
        if event.reusable and not (environment.pool.retired and not environment.pool.waiting):
            self._placements.idle_again(environment)
        else:
            why = "the function was changed" if event.reusable else "a call left it unusable"
            self._capacity.stop(environment, why)
            self._placements.serve(environment.pool)

    def _environment_ready(self, event: EnvironmentReady) -> None:
        environment = self._state.environments.get(event.environment_id)
        if environment is not None and environment.state is STARTING:
            self._placements.idle_again(environment)

    def _environment_failed(self, event: EnvironmentFailed) -> None:
        """One start, one refusal: the placement that has waited longest learns why, unless another start serves it."""
        environment = self._state.environments.get(event.environment_id)
        if environment is None or environment.state is not STARTING:
            return
        pool = environment.pool
        self._state.end(environment, f"it did not start: {event.error}")
        if pool.unmet > 0:
            self._placements.refuse(next(iter(pool.waiting)), Refusal.START_FAILED, event.error)
        self._room_came(environment)

    def _environment_gone(self, event: EnvironmentGone) -> None:
        environment = self._state.environments.get(event.environment_id)
        if environment is not None:
            self._state.end(environment, "it ended by itself")
            self._room_came(environment)

    def _room_came(self, left: Environment) -> None:
        self._capacity.start_queued(left.host)
        self._supply.release_if_leaving(left.host)
        self._placements.serve(left.pool)
        self._placements.retry_starved(left.host.host_class.name)

    def _version_retired(self, event: VersionRetired) -> None:
        """Idle environments of other generations leave now, leased ones when they come back; who waits is still served."""
        for pool in tuple(self._state.functions.get(event.key, {}).values()):
            pool.retired = pool.key[3:] not in event.current
            self._placements.serve(pool)

    # -- hosts -----------------------------------------------------------------------------------------------------

    def _host_ready(self, event: HostReady) -> None:
        host = self._state.hosts.get(event.host_id)
        if host is None:
            self._state.order(ReleaseHost(event.host_id))
            return
        self._supply.host_is_ready(host, event.node_id, event.memory_mb)
        self._placements.retry_starved(host.host_class.name)

    def _host_failed(self, event: HostFailed) -> None:
        """Refuse who needs what no node offers; otherwise ask again later, and let another class make room meanwhile."""
        host = self._state.hosts.get(event.host_id)
        if host is None:
            return
        starved = self._placements.starved_for(host)
        self._supply.host_failed(host, event.error, retry=not event.unplaceable or not starved)
        if event.unplaceable:
            for pool in starved:
                self._placements.refuse_unmet(pool, Refusal.UNPLACEABLE, event.error)
        elif starved:
            self._supply.yield_to(host.host_class)
        self._placements.retry_starved(host.host_class.name)

    def _host_died(self, event: HostDied) -> None:
        """Its environments are gone, and so are their leases; who waited for one of them starts elsewhere."""
        host = self._state.hosts.get(event.host_id)
        if host is None:
            return
        pools = {environment.pool.key: environment.pool for environment in host.environments.values()}
        for environment in tuple(host.environments.values()):
            self._state.end(environment, "its host was lost")
        del self._state.hosts[host.host_id]
        for pool in pools.values():
            self._placements.serve(pool)
        self._placements.retry_starved(host.host_class.name)
        self._supply.keep_head_room()

    # -- time ------------------------------------------------------------------------------------------------------

    def _tick(self, _event: Tick) -> None:
        self._placements.expire()
        for environment in tuple(self._state.idle.values()):
            if not self._keep_alive.keeps(environment.pool.version, self._state.now - environment.since):
                self._capacity.stop(environment, "idle for too long")
        self._supply.release_idle_hosts()
        for pool in tuple(self._state.starved.values()):
            self._placements.serve(pool)
        self._supply.keep_head_room()

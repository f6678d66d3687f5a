"""What the fleet decides when an environment changes. Pure."""

from __future__ import annotations

from raylambda.fleet.capacity import Capacity
from raylambda.fleet.events import (
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    LeaseReturned,
    Refusal,
    VersionRetired,
)
from raylambda.fleet.host_supply import HostSupply
from raylambda.fleet.placements import Placements
from raylambda.fleet.state import GONE, IDLE, STARTING, Environment, FleetState


class EnvironmentEvents:
    """Handlers of the fleet; events about an environment that is gone by then change nothing."""

    def __init__(self, state: FleetState, capacity: Capacity, supply: HostSupply, placements: Placements) -> None:
        self._state = state
        self._capacity = capacity
        self._supply = supply
        self._placements = placements

    def ready(self, event: EnvironmentReady) -> None:
        environment = self._state.environments.get(event.environment_id)
        if environment is not None and environment.state is STARTING:
            self._becomes_idle(environment)

    def failed(self, event: EnvironmentFailed) -> None:
        """One start, one refusal: the placement that has waited longest learns why, unless another start serves it."""
        environment = self._state.environments.get(event.environment_id)
        if environment is None or environment.state is not STARTING:
            return
        pool = environment.pool
        self._state.move(environment, GONE)
        if pool.unmet > 0:
            self._placements.refuse(next(iter(pool.waiting)), Refusal.START_FAILED, event.error)
        self._room_came(environment)

    def gone(self, event: EnvironmentGone) -> None:
        environment = self._state.environments.get(event.environment_id)
        if environment is not None:
            self._state.move(environment, GONE)
            self._room_came(environment)

    def returned(self, event: LeaseReturned) -> None:
        environment = self._state.environments.get(event.lease.environment_id)
        if environment is None or environment.lease != event.lease:
            return
        if event.reusable and not (environment.pool.retired and not environment.pool.waiting):
            self._becomes_idle(environment)
        else:
            self._capacity.stop(environment)
            self._placements.serve(environment.pool)

    def retired(self, event: VersionRetired) -> None:
        """Idle environments of other generations leave now, leased ones when they come back; who waits is still served."""
        for pool in tuple(self._state.functions.get(event.key, {}).values()):
            pool.retired = pool.key[3:] not in event.current
            self._placements.serve(pool)

    def _becomes_idle(self, environment: Environment) -> None:
        self._state.move(environment, IDLE)
        self._placements.serve(environment.pool)
        if self._state.starved and environment.state is IDLE:
            self._placements.retry_starved(environment.host.host_class.name)

    def _room_came(self, environment: Environment) -> None:
        self._capacity.start_queued(environment.host)
        self._supply.release_if_leaving(environment.host)
        self._placements.serve(environment.pool)
        self._placements.retry_starved(environment.host.host_class.name)

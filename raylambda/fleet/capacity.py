"""Room: where a pool's next environment goes on the hosts that there are, and how fleets are told to behave. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from raylambda.fleet.events import StartEnvironment, StopEnvironment
from raylambda.fleet.host_choice import choose_host, load_by_node, make_room
from raylambda.fleet.state import STARTING, STOPPING, Environment, FleetState, HostRecord, NewId, Pool
from raylambda.hosts.ray_options import installs_packages
from raylambda.model.ray_options import RayOptions


@dataclass(frozen=True, slots=True)
class FleetPolicy:
    """``head_room`` hosts of the default class stay even when nothing runs, so that a cold start waits for no host.

    ``max_hosts`` bounds each class (1 where one host takes all that the machine has; ``None``: the cluster decides).
    A placement is refused after ``placement_limit_s``, or ``build_limit_s`` where a host must install packages first.
    """

    head_room: int = 1
    max_hosts: int | None = None
    host_idle_s: float = 300.0
    host_retry_s: float = 5.0
    placement_limit_s: float = 60.0
    build_limit_s: float = 600.0

    def waits_s(self, options: RayOptions) -> float:
        return self.build_limit_s if installs_packages(options) else self.placement_limit_s


class Capacity:
    """Starts and stops environments on hosts that run."""

    def __init__(self, state: FleetState, new_id: NewId) -> None:
        self._state = state
        self._new_id = new_id

    def start_one(self, pool: Pool) -> bool:
        """Start, or queue, one environment of the pool; false when there is no room and none can be made."""
        host = self._find_room(pool)
        if host is None:
            return False
        self._state.add(self._new_id(), pool, host)
        self.start_queued(host)
        return True

    def _find_room(self, pool: Pool) -> HostRecord | None:
        hosts = [host for host in self._state.hosts_of(pool.host_class.name) if host.takes_environments]
        ready = (host for host in self._state.hosts.values() if host.is_ready)
        host = choose_host(hosts, pool.memory_mb, load_by_node(ready))
        if host is not None:
            return host
        eviction = make_room(hosts, pool.memory_mb)
        if eviction is None:
            return None
        for environment in eviction.environments:
            self.stop(environment)
        return eviction.host

    def start_queued(self, host: HostRecord) -> None:
        """Start what has waited on the host for its room, in order, as far as there is room now."""
        while host.queue and host.occupied_mb + host.queue[0].pool.memory_mb <= host.memory_mb:
            environment = host.queue[0]
            self._state.move(environment, STARTING)
            self._state.order(StartEnvironment(environment.environment_id, host.host_id, environment.pool.version))

    def stop(self, environment: Environment) -> None:
        self._state.move(environment, STOPPING)
        self._state.order(StopEnvironment(environment.environment_id, environment.host.host_id))

"""Starts environments of a pool where there is room, makes the room where it must, and stops environments. Pure."""

from __future__ import annotations

from raylambda.fleet.events import BootEnvironment, CodeCame, PrepareHost, StopEnvironment
from raylambda.fleet.host_choice import choose_host, hosts_with_room, load_by_node, make_room
from raylambda.fleet.state import STARTING, STOPPING, Environment, FleetState, HostRecord, NewId, Pool


class Capacity:
    """Starts and stops environments on hosts that run."""

    def __init__(self, state: FleetState, new_id: NewId) -> None:
        self._state = state
        self._new_id = new_id

    def start_one(self, pool: Pool) -> bool:
        """Start, or queue, one environment of the pool; false when there is no room and none can be made."""
        hosts = [host for host in self._state.hosts_of(pool.host_class.name) if host.takes_environments]
        node_load = load_by_node(host for host in self._state.hosts.values() if host.is_ready)
        host = choose_host(hosts, pool.memory_mb, node_load)
        if host is None:
            eviction = make_room(hosts, pool.memory_mb)
            if eviction is None:
                return False
            host = eviction.host
            for environment in eviction.environments:
                self.stop(environment, "room was made for another function")
        self._state.add(self._new_id(), pool, host)
        self.start_queued(host)
        return True

    def start_queued(self, host: HostRecord) -> None:
        """Start what has waited on the host for its room, in order, as far as there is room now."""
        while host.queue and host.occupied_mb + host.queue[0].pool.memory_mb <= host.memory_mb:
            environment = host.queue[0]
            self._state.move(environment, STARTING)
            self._state.order(BootEnvironment(environment.environment_id, host.host_id, environment.pool.version))

    def code_came(self, event: CodeCame) -> None:
        """One host of each node prepares it for all, where a first call would start at once."""
        version = event.version
        for host in hosts_with_room(self._state.hosts_of(version.ray_options.host_class), version.memory_mb):
            self._state.order(PrepareHost(host.host_id, version))

    def stop(self, environment: Environment, why: str) -> None:
        """``why`` is for people, once it is gone."""
        environment.stopped_because = why
        self._state.move(environment, STOPPING)
        self._state.order(StopEnvironment(environment.environment_id, environment.host.host_id))

"""Where a pool's next environment goes: the least loaded host with room, or room made by stopping idle ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from raylambda.fleet.events import BootEnvironment, StopEnvironment
from raylambda.fleet.state import IDLE, STARTING, STOPPING, Environment, FleetState, HostRecord, NewId, Pool


class Capacity:
    """Starts and stops environments on hosts that run."""

    def __init__(self, state: FleetState, new_id: NewId) -> None:
        self._state = state
        self._new_id = new_id

    def start_one(self, pool: Pool) -> bool:
        """Start, or queue, one environment of the pool; false when there is no room and none can be made."""
        hosts = [host for host in self._state.hosts_of(pool.host_class.name) if host.takes_environments]
        host = self._host_with_room(hosts, pool.memory_mb)
        if host is None:
            evicted = _least_missed(hosts, pool.memory_mb)
            if not evicted:
                return False
            host = evicted[0].host
            for environment in evicted:
                self.stop(environment)
        self._state.add(self._new_id(), pool, host)
        self.start_queued(host)
        return True

    def start_queued(self, host: HostRecord) -> None:
        """Start what has waited on the host for its room, in order, as far as there is room now."""
        while host.queue and host.occupied_mb + host.queue[0].pool.memory_mb <= host.memory_mb:
            environment = host.queue[0]
            self._state.move(environment, STARTING)
            self._state.order(BootEnvironment(environment.environment_id, host.host_id, environment.pool.version))

    def stop(self, environment: Environment) -> None:
        self._state.move(environment, STOPPING)
        self._state.order(StopEnvironment(environment.environment_id, environment.host.host_id))

    def _host_with_room(self, hosts: Iterable[HostRecord], need_mb: int) -> HostRecord | None:
        """One where the environment starts at once before one where it queues, then spread over nodes and hosts."""
        node_load = _load_by_node(host for host in self._state.hosts.values() if host.is_ready)

        def preference(host: HostRecord) -> tuple[bool, float, float]:
            must_queue = bool(host.queue) or host.occupied_mb + need_mb > host.memory_mb
            return (must_queue, node_load[host.node_id], host.planned_mb / host.memory_mb)

        with_room = (host for host in hosts if host.planned_mb + need_mb <= host.memory_mb)
        return min(with_room, key=preference, default=None)


def _load_by_node(hosts: Iterable[HostRecord]) -> dict[str, float]:
    """The planned share of each node's slices, 0.0 to 1.0."""
    planned: dict[str, int] = {}
    slices: dict[str, int] = {}
    for host in hosts:
        planned[host.node_id] = planned.get(host.node_id, 0) + host.planned_mb
        slices[host.node_id] = slices.get(host.node_id, 0) + host.memory_mb
    return {node_id: planned[node_id] / slices[node_id] for node_id in slices}


def _least_missed(hosts: Iterable[HostRecord], need_mb: int) -> list[Environment]:
    """Idle environments of one host that make the room when they are stopped, their last used one idle for longest."""
    evictions = [eviction for host in hosts if (eviction := _evict_from(host, need_mb))]
    return min(evictions, key=lambda eviction: (eviction[-1].since, len(eviction)), default=[])


def _evict_from(host: HostRecord, need_mb: int) -> list[Environment]:
    """The environments of the host that have been idle for longest, as many as it takes; none when it has too few."""
    missing_mb = need_mb - (host.memory_mb - host.planned_mb)
    chosen: list[Environment] = []
    for environment in sorted((e for e in host.environments.values() if e.state is IDLE), key=lambda e: e.since):
        if missing_mb <= 0:
            break
        chosen.append(environment)
        missing_mb -= environment.pool.memory_mb
    return chosen if missing_mb <= 0 else []

"""Which host gets an environment: the least loaded one with room, or room made by stopping idle ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from raylambda.fleet.state import IDLE, Environment, HostRecord


@dataclass(frozen=True, slots=True)
class Eviction:
    """Stop these idle environments, and the host has room."""

    host: HostRecord
    environments: tuple[Environment, ...]


def choose_host(hosts: Iterable[HostRecord], need_mb: int, node_load: dict[str, float]) -> HostRecord | None:
    """The host to take ``need_mb``: one where it starts at once before one where it queues, then spread over nodes and hosts."""
    with_room = [host for host in hosts if host.planned_mb + need_mb <= host.memory_mb]
    return min(with_room, key=lambda host: _preference(host, need_mb, node_load), default=None)


def hosts_with_room(hosts: Iterable[HostRecord], need_mb: int) -> list[HostRecord]:
    """One host of each node where ``need_mb`` would start at once."""
    by_node = {
        host.node_id: host
        for host in hosts
        if host.takes_environments and not host.queue and host.planned_mb + need_mb <= host.memory_mb
    }
    return list(by_node.values())


def _preference(host: HostRecord, need_mb: int, node_load: dict[str, float]) -> tuple[bool, float, float]:
    must_queue = bool(host.queue) or host.occupied_mb + need_mb > host.memory_mb
    return (must_queue, node_load[host.node_id], host.planned_mb / host.memory_mb)


def load_by_node(hosts: Iterable[HostRecord]) -> dict[str, float]:
    """The planned share of each node's slices, 0.0 to 1.0."""
    planned: dict[str, int] = {}
    slices: dict[str, int] = {}
    for host in hosts:
        planned[host.node_id] = planned.get(host.node_id, 0) + host.planned_mb
        slices[host.node_id] = slices.get(host.node_id, 0) + host.memory_mb
    return {node_id: planned[node_id] / slices[node_id] for node_id in slices}


def make_room(hosts: Iterable[HostRecord], need_mb: int) -> Eviction | None:
    """The eviction that hurts least: the one whose last used environment has been idle for longest."""
    evictions = [eviction for host in hosts if (eviction := _evict_from(host, need_mb)) is not None]
    return min(
        evictions, key=lambda eviction: (eviction.environments[-1].since, len(eviction.environments)), default=None
    )


def _evict_from(host: HostRecord, need_mb: int) -> Eviction | None:
    missing_mb = need_mb - (host.memory_mb - host.planned_mb)
    idle = sorted((e for e in host.environments.values() if e.state is IDLE), key=lambda e: e.since)
    chosen: list[Environment] = []
    for environment in idle:
        if missing_mb <= 0:
            break
        chosen.append(environment)
        missing_mb -= environment.pool.memory_mb
    return Eviction(host, tuple(chosen)) if chosen and missing_mb <= 0 else None

"""What must hold in the fleet's books after every event: for tests. Pure."""

from __future__ import annotations

from collections import Counter

from raylambda.fleet.state import (
    GONE,
    IDLE,
    LEASED,
    QUEUED,
    STARTING,
    STOPPING,
    Environment,
    FleetState,
    HostRecord,
    Pool,
)


def check(state: FleetState) -> None:
    """Raise ``AssertionError`` when the books contradict each other."""
    for host in state.hosts.values():
        _check_host(host)
    for pool in state.pools.values():
        _check_pool(pool, state)
    for environment in state.environments.values():
        _check_environment(environment, state)
    leases = Counter(e.lease.placement_id for e in state.environments.values() if e.lease is not None)
    _require(all(times == 1 for times in leases.values()), "a placement holds two leases")
    _require(set(state.starved) <= set(state.pools), "a starved pool is forgotten")
    _require(all(e.state is IDLE for e in state.idle.values()), "the index of idle environments is wrong")


def _check_host(host: HostRecord) -> None:
    states = {s: [e for e in host.environments.values() if e.state is s] for s in (QUEUED, STOPPING)}
    all_mb = sum(e.pool.memory_mb for e in host.environments.values())
    queued_mb = sum(e.pool.memory_mb for e in states[QUEUED])
    stopping_mb = sum(e.pool.memory_mb for e in states[STOPPING])
    name = host.host_id
    _require(host.occupied_mb == all_mb - queued_mb, f"{name}: occupied_mb is wrong")
    _require(host.planned_mb == all_mb - stopping_mb, f"{name}: planned_mb is wrong")
    _require(host.occupied_mb <= host.memory_mb, f"{name}: memory is overcommitted")
    _require(host.planned_mb <= host.memory_mb, f"{name}: memory is promised twice")
    _require(sorted(map(id, host.queue)) == sorted(map(id, states[QUEUED])), f"{name}: the queue is wrong")
    _require(not host.queue or bool(states[STOPPING]), f"{name}: the queue waits for nothing")


def _check_pool(pool: Pool, state: FleetState) -> None:
    name = "/".join(pool.key)
    counts = Counter(e.state for e in pool.members.values())
    idle = [e for e in pool.members.values() if e.state is IDLE]
    _require(pool.queued == counts[QUEUED] and pool.starting == counts[STARTING], f"{name}: what comes is miscounted")
    _require(set(pool.idle.values()) == set(idle), f"{name}: the idle environments are wrong")
    _require(not (pool.waiting and pool.idle), f"{name}: a placement waits beside an idle environment")
    _require(not (pool.retired and pool.idle), f"{name}: an idle environment outlives its version")
    _require(pool.unmet <= 0 or pool.key in state.starved, f"{name}: a placement is forgotten")
    _require(bool(pool.members or pool.waiting), f"{name}: the pool is empty")
    _require(state.functions[pool.function_key].get(pool.key) is pool, f"{name}: not found by function")


def _check_environment(environment: Environment, state: FleetState) -> None:
    name = environment.environment_id
    _require(environment.state is not GONE, f"{name}: gone, and still known")
    _require((environment.lease is not None) == (environment.state is LEASED), f"{name}: lease and state disagree")
    _require(state.hosts.get(environment.host.host_id) is environment.host, f"{name}: its host is unknown")
    _require(state.pools.get(environment.pool.key) is environment.pool, f"{name}: its pool is unknown")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)

"""Hosts: when one is made, kept as head-room, given up for another class, and released. Pure."""

from __future__ import annotations

from raylambda.fleet.capacity import Capacity
from raylambda.fleet.events import CreateHost, ReleaseHost
from raylambda.fleet.policy import FleetPolicy
from raylambda.fleet.state import IDLE, FleetState, HostRecord, NewId, Pool
from raylambda.hosts.ports import HostClass
from raylambda.model.ray_options import RayOptions

_DEFAULT = HostClass("default", RayOptions())


class HostSupply:
    """Decides about hosts; at most one of each class is being made at a time."""

    def __init__(self, state: FleetState, capacity: Capacity, policy: FleetPolicy, new_id: NewId) -> None:
        self._state = state
        self._capacity = capacity
        self._policy = policy
        self._new_id = new_id
        self._retry_at: dict[str, float] = {}
        self._last_error: dict[str, str] = {}

    def never_fits(self, pool: Pool) -> str | None:
        """Why no host that there may be can ever hold an environment of the pool; ``None`` when one can."""
        hosts = self._state.hosts_of(pool.host_class.name)
        if self._may_add_host(hosts) or any(not h.is_ready or h.memory_mb >= pool.memory_mb for h in hosts):
            return None
        largest_mb = max((host.memory_mb for host in hosts), default=0)
        return f"The function needs {pool.memory_mb} MB of memory, and a host of this cluster holds {largest_mb} MB."

    def ask_for_host(self, host_class: HostClass, at_least_mb: int) -> None:
        """Order one more host of the class, unless one is on its way, a failure is fresh, or there are enough."""
        hosts = self._state.hosts_of(host_class.name)
        if any(not host.is_ready for host in hosts) or self._retry_at.get(host_class.name, 0.0) > self._state.now:
            return
        if not self._may_add_host(hosts):
            return
        host = HostRecord(self._new_id(), host_class, at_least_mb, self._state.now)
        self._state.hosts[host.host_id] = host
        self._state.order(CreateHost(host.host_id, host_class, at_least_mb))

    def _may_add_host(self, hosts: list[HostRecord]) -> bool:
        return self._policy.max_hosts is None or len(hosts) < self._policy.max_hosts

    def host_failed(self, host: HostRecord, error: str, *, retry: bool) -> None:
        """Forget a host that did not come up; with ``retry``, the next one is ordered after a while at the soonest."""
        del self._state.hosts[host.host_id]
        name = host.host_class.name
        self._last_error[name] = error
        if retry:
            self._retry_at[name] = self._state.now + self._policy.host_retry_s

    def host_is_ready(self, host: HostRecord, node_id: str, memory_mb: int) -> None:
        host.node_id, host.memory_mb, host.empty_since = node_id, memory_mb, self._state.now
        self._retry_at.pop(host.host_class.name, None)
        self._last_error.pop(host.host_class.name, None)

    def last_error(self, host_class: str) -> str:
        """What kept the last host of the class from coming up; empty when the last one came up."""
        return self._last_error.get(host_class, "")

    def prospects(self, host_class: str) -> str:
        """Whether a host of the class will come, in words, for those who wait for its room."""
        hosts = self._state.hosts_of(host_class)
        for host in hosts:
            if not host.is_ready:
                return f"A host is being made, for {self._state.now - host.empty_since:.0f} s."
        wait_s = self._retry_at.get(host_class, 0.0) - self._state.now
        if wait_s > 0:
            error = self.last_error(host_class).rstrip(".")
            return f"The last host that was asked for failed: {error}. The next is asked for in {wait_s:.0f} s."
        if not self._may_add_host(hosts):
            return f"There may be {self._policy.max_hosts} hosts of this class at most, and there are {len(hosts)}."
        return "The next host is asked for within a second."

    def yield_to(self, host_class: HostClass) -> None:
        """The cluster has no room for a host of this class: give back one host of another class that runs nothing."""
        if any(host.leaving for host in self._state.hosts.values()):
            return
        others = (h for h in self._state.hosts.values() if h.takes_environments and h.host_class != host_class)
        idle = (h for h in others if all(e.state is IDLE for e in h.environments.values()))
        host = min(idle, key=_last_used, default=None)
        if host is None:
            return
        host.leaving = True
        for environment in tuple(host.environments.values()):
            self._capacity.stop(environment, "its host made way for functions with other Ray options")
        self.release_if_leaving(host)

    def release_if_leaving(self, host: HostRecord) -> None:
        if host.leaving and not host.environments:
            self._release(host)

    def keep_head_room(self) -> None:
        """Have the hosts of the default class that are always there, unless somebody waits for room."""
        hosts = self._state.hosts_of(_DEFAULT.name)
        if len(hosts) < self._policy.head_room and not self._state.starved:
            self.ask_for_host(_DEFAULT, 0)

    def release_idle_hosts(self) -> None:
        """Release hosts that have been empty for a while; the head-room stays."""
        for host in tuple(self._state.hosts.values()):
            is_idle = host.is_ready and not host.environments
            if not is_idle or self._state.now - host.empty_since < self._policy.host_idle_s:
                continue
            if host.host_class != _DEFAULT or len(self._state.hosts_of(_DEFAULT.name)) > self._policy.head_room:
                self._release(host)

    def _release(self, host: HostRecord) -> None:
        del self._state.hosts[host.host_id]
        self._state.order(ReleaseHost(host.host_id))


def _last_used(host: HostRecord) -> float:
    return max((environment.since for environment in host.environments.values()), default=host.empty_since)

"""What the fleet decides when a host comes, fails to come, or is lost. Pure."""

from __future__ import annotations

from raylambda.fleet.events import HostFailed, HostLost, HostReady, Refusal, ReleaseHost
from raylambda.fleet.host_supply import HostSupply
from raylambda.fleet.placements import Placements
from raylambda.fleet.state import GONE, FleetState, HostRecord, Pool


class HostEvents:
    """Handlers of the fleet."""

    def __init__(self, state: FleetState, supply: HostSupply, placements: Placements) -> None:
        self._state = state
        self._supply = supply
        self._placements = placements

    def ready(self, event: HostReady) -> None:
        host = self._state.hosts.get(event.host_id)
        if host is None:
            self._state.order(ReleaseHost(event.host_id))
            return
        self._supply.host_is_ready(host, event.node_id, event.memory_mb)
        self._placements.retry_starved(host.host_class.name)

    def failed(self, event: HostFailed) -> None:
        """Refuse who needs what no node offers; otherwise ask again later, and let another class make room meanwhile."""
        host = self._state.hosts.get(event.host_id)
        if host is None:
            return
        self._supply.host_failed(host, event.error, retry=not event.unplaceable or not self._waited_for(host))
        if event.unplaceable:
            for pool in self._waited_for(host):
                self._placements.refuse_unmet(pool, Refusal.UNPLACEABLE, event.error)
        elif self._waited_for(host):
            self._supply.yield_to(host.host_class)
        self._placements.retry_starved(host.host_class.name)

    def _waited_for(self, host: HostRecord) -> list[Pool]:
        return [
            pool
            for pool in self._state.starved.values()
            if pool.host_class == host.host_class and pool.memory_mb >= host.at_least_mb
        ]

    def lost(self, event: HostLost) -> None:
        """Its environments are gone, and so are their leases; who waited for one of them starts elsewhere."""
        host = self._state.hosts.get(event.host_id)
        if host is None:
            return
        pools = {environment.pool.key: environment.pool for environment in host.environments.values()}
        for environment in tuple(host.environments.values()):
            self._state.move(environment, GONE)
        self._state.drop_host(host)
        for pool in pools.values():
            self._placements.serve(pool)
        self._placements.retry_starved(host.host_class.name)
        self._supply.keep_head_room()

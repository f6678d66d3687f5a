"""Who waits for an environment, who gets which, and who was refused. Pure."""

from __future__ import annotations

from raylambda.fleet.capacity import Capacity
from raylambda.fleet.events import GrantLease, PlacementAbandoned, PlacementRequested, RefusePlacement
from raylambda.fleet.host_supply import HostSupply
from raylambda.fleet.policy import FleetPolicy, StartRate
from raylambda.fleet.state import IDLE, LEASED, QUEUED, Environment, FleetState, HostRecord, PastRefusal, Pool
from raylambda.hosts.placing import Lease, Refusal
from raylambda.model.limits import STARTS_PER_FUNCTION, STARTS_WINDOW_S


class Placements:
    """Matches placements with environments. After ``serve`` nobody waits beside an idle environment of the pool, and every
    waiting placement has a start under way or its pool is ``starved``, that is, tried again whenever room may have come.
    """

    def __init__(self, state: FleetState, capacity: Capacity, supply: HostSupply, policy: FleetPolicy) -> None:
        self._state = state
        self._capacity = capacity
        self._supply = supply
        self._policy = policy
        self._start_rate = StartRate(STARTS_PER_FUNCTION, STARTS_WINDOW_S)
        self._waiting: dict[int, Pool] = {}

    def requested(self, event: PlacementRequested) -> None:
        """Lease the environment that was used last, if one is idle; otherwise wait for one, and start one."""
        pool = self._state.pool_of(event.version)
        if pool.idle:
            self._grant(event.placement_id, next(reversed(pool.idle.values())))
            return
        pool.waiting[event.placement_id] = self._state.now
        self._waiting[event.placement_id] = pool
        if pool.unmet > 0 and not self._start_rate.take(pool.function_key, self._state.now):
            self.refuse(event.placement_id, Refusal.START_RATE, "The function starts environments too fast.")
        self.serve(pool)

    def abandoned(self, event: PlacementAbandoned) -> None:
        pool = self._forget(event.placement_id)
        if pool is not None:
            self.serve(pool)

    def serve(self, pool: Pool) -> None:
        """Bring waiting placements and environments of the pool together, and start what is missing."""
        while pool.waiting and pool.idle:
            placement_id = next(iter(pool.waiting))
            self._forget(placement_id)
            self._grant(placement_id, next(reversed(pool.idle.values())))
        self._start_missing(pool)
        self._drop_surplus(pool)
        if pool.retired:
            for environment in tuple(pool.idle.values()):
                self._capacity.stop(environment, "the function was changed")
        self._state.drop_pool_if_unused(pool)

    def idle_again(self, environment: Environment) -> None:
        """The environment is free: for who waits for it, or else its room for who is starved."""
        self._state.move(environment, IDLE)
        self.serve(environment.pool)
        if self._state.starved and environment.state is IDLE:
            self.retry_starved(environment.host.host_class.name)

    def _start_missing(self, pool: Pool) -> None:
        while pool.unmet > 0 and self._capacity.start_one(pool):
            pass
        if pool.unmet <= 0:
            self._state.starved.pop(pool.key, None)
            return
        obstacle = self._supply.never_fits(pool)
        if obstacle is not None:
            self.refuse_unmet(pool, Refusal.UNPLACEABLE, obstacle)
            return
        self._state.starved[pool.key] = pool
        self._supply.ask_for_host(pool.host_class, pool.memory_mb)

    def _drop_surplus(self, pool: Pool) -> None:
        """Give up places in the queue of a host that nobody needs any more."""
        while pool.queued and pool.unmet < 0:
            environment = next(e for e in reversed(pool.members.values()) if e.state is QUEUED)
            self._state.end(environment, "nobody waited for it any more")
            self._capacity.start_queued(environment.host)

    def _grant(self, placement_id: int, environment: Environment) -> None:
        lease = Lease(placement_id, environment.environment_id, environment.host.host_id, not environment.served)
        self._state.move(environment, LEASED)
        environment.lease = lease
        environment.served = True
        self._state.order(GrantLease(lease))

    def refuse(self, placement_id: int, refusal: Refusal, message: str) -> None:
        """Also noted, for who asks why: the last refusals of the functions that were refused last."""
        pool = self._forget(placement_id)
        if pool is None:
            return
        self._state.order(RefusePlacement(placement_id, refusal, message))
        self._state.refusals.add(pool.function_key, PastRefusal(self._state.now, refusal, message))

    def refuse_unmet(self, pool: Pool, refusal: Refusal, message: str) -> None:
        """Refuse the placements for which no start is under way: the newest, for starts serve the oldest."""
        for placement_id in list(pool.waiting)[len(pool.waiting) - max(pool.unmet, 0) :]:
            self.refuse(placement_id, refusal, message)
        self._state.starved.pop(pool.key, None)
        self._state.drop_pool_if_unused(pool)

    def starved_for(self, host: HostRecord) -> list[Pool]:
        """The pools that wait for room such as this host would have brought at least."""
        return [
            pool
            for pool in self._state.starved.values()
            if pool.host_class == host.host_class and pool.memory_mb >= host.at_least_mb
        ]

    def retry_starved(self, host_class: str) -> None:
        """Room may have come on hosts of this class: those who wait for it try again, in the order of their first failure."""
        for pool in tuple(self._state.starved.values()):
            if pool.host_class.name == host_class:
                self.serve(pool)

    def expire(self) -> None:
        """Refuse who has waited for too long."""
        for placement_id, pool in tuple(self._waiting.items()):
            limit_s = self._policy.waits_s(pool.host_class.options)
            if self._state.now - pool.waiting[placement_id] >= limit_s:
                error = self._supply.last_error(pool.host_class.name)
                because = f" The last host that was asked for failed: {error}" if error else ""
                message = f"No execution environment became available within {limit_s:g} seconds.{because}"
                self.refuse(placement_id, Refusal.NO_CAPACITY, message)
                self.serve(pool)
        self._start_rate.prune(self._state.now)

    def _forget(self, placement_id: int) -> Pool | None:
        pool = self._waiting.pop(placement_id, None)
        if pool is not None:
            del pool.waiting[placement_id]
        return pool

    def check(self) -> None:
        """Raise ``AssertionError`` unless exactly the waiting placements are known."""
        listed = {placement_id: pool for pool in self._state.pools.values() for placement_id in pool.waiting}
        if listed != self._waiting:
            raise AssertionError("placements are known here and not in their pools, or the other way round")

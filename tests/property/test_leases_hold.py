"""Leases under random callers, cancellations, throttles, lost hosts and failing starts: units and leases never part."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from raylambda.hosts.placing import Lease, PlacementRefused
from raylambda.hosts.ports import HostNotMade
from raylambda.model.environment import StartEnvironment, StartRefused
from raylambda.model.function import FunctionKey
from raylambda.model.invocation import Target
from raylambda.testing.hosts import FakeCluster
from tests.builders import a_version
from tests.unit.scheduling.platform_on_fakes import Platform, a_platform

KEYS: tuple[FunctionKey, ...] = (("123456789012", "us-east-1", "f"), ("123456789012", "us-east-1", "g"))
LIMIT = 6


class Callers:
    """Takes leases and holds them; keeps its own count of what must be out."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.waiting: list[tuple[FunctionKey, asyncio.Future[Lease]]] = []
        self.held: list[tuple[FunctionKey, Lease]] = []
        self.past: list[Lease] = []
        self.failing = ""
        platform.script.before_host = self.before_host
        platform.script.before_start = self.before_start

    async def before_host(self) -> None:
        await asyncio.sleep(0)
        if self.failing == "hosts":
            raise HostNotMade("no room")

    async def before_start(self, _start: StartEnvironment) -> None:
        await asyncio.sleep(0)
        if self.failing == "starts":
            raise StartRefused("no jail")

    # -- what may happen; each takes a number to choose by ----------------------------------------------------------

    def a_call_comes(self, number: int) -> None:
        key = KEYS[number % 2]
        version = a_version(name=key[2])
        taker = asyncio.ensure_future(self.platform.leases.lease(Target(key, version, version.function_arn, None)))
        self.waiting.append((key, taker))

    def a_caller_gives_up(self, number: int) -> None:
        if self.waiting:
            self.waiting[number % len(self.waiting)][1].cancel()

    def a_lease_comes_back(self, number: int) -> None:
        if self.held:
            _, lease = self.held.pop(number % len(self.held))
            self.platform.leases.give_back(lease, reusable=number < 4)
            self.past.append(lease)

    def a_lease_comes_back_again(self, number: int) -> None:
        if self.past:
            self.platform.leases.give_back(self.past[number % len(self.past)], reusable=True)

    def a_caller_finds_a_host_lost(self, number: int) -> None:
        hosts = tuple(self.platform.hosts)
        if hosts:
            self.platform.leases.lose(hosts[number % len(hosts)].facts.host_id)

    def a_host_dies(self, number: int) -> None:
        for host in self.platform.cluster.made[-1:]:
            host.kill()

    def an_idle_environment_ends(self, number: int) -> None:
        leased = {lease.environment_id for _, lease in self.held}
        for host in self.platform.cluster.made:
            for environment_id in sorted(host.environments.keys() - leased)[:1]:
                host.exit(environment_id)

    def a_reservation_changes(self, number: int) -> None:
        self.platform.admission.reserve(KEYS[number % 2], number if number < 3 else None)

    def a_function_changes(self, number: int) -> None:
        self.platform.driver.retire(KEYS[number % 2], frozenset())

    def time_goes_by(self, number: int) -> None:
        self.platform.clock.advance(number * 20)
        self.platform.driver.tick()

    def things_begin_to_fail(self, number: int) -> None:
        self.failing = "starts" if number % 2 else "hosts"

    def things_work_again(self, number: int) -> None:
        self.failing = ""

    # -- what must hold ----------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Whoever has an answer either holds a lease or was refused in the promised way."""
        for key, taker in [one for one in self.waiting if one[1].done()]:
            self.waiting.remove((key, taker))
            if taker.cancelled():
                continue
            error = taker.exception()
            if error is None:
                self.held.append((key, taker.result()))
            else:
                assert isinstance(error, PlacementRefused), error

    def check(self) -> None:
        """Every unit is a lease that is held, or a caller that waits for one (or has not had the turn to learn its end)."""
        self.platform.fleet.check()
        self.platform.admission.check()
        held = Counter(key for key, _ in self.held)
        may_wait = Counter(key for key, _ in self.waiting)
        for key in KEYS:
            assert held[key] <= self.platform.admission.units(key) <= held[key] + may_wait[key]
        environments = [lease.environment_id for _, lease in self.held]
        assert len(environments) == len(set(environments))


ACTS = (
    Callers.a_call_comes,
    Callers.a_caller_gives_up,
    Callers.a_lease_comes_back,
    Callers.a_lease_comes_back_again,
    Callers.a_caller_finds_a_host_lost,
    Callers.a_host_dies,
    Callers.an_idle_environment_ends,
    Callers.a_reservation_changes,
    Callers.a_function_changes,
    Callers.time_goes_by,
    Callers.things_begin_to_fail,
    Callers.things_work_again,
)
Step = tuple[Callable[[Callers, int], None], int, int]
"""What happens, the number to choose by, and how many turns the event loop makes afterwards."""


async def live_through(steps: list[Step]) -> None:
    cluster = FakeCluster(memory_mb=256, poll_s=3600.0)
    async with a_platform(limit=LIMIT, cluster=cluster, host_retry_s=5.0, placement_limit_s=60.0) as platform:
        callers = Callers(platform)
        for act, number, turns in steps:
            act(callers, number)
            for _ in range(turns):
                await asyncio.sleep(0)
            callers.collect()
            callers.check()
        await everybody_goes(callers)
        assert [platform.admission.units(key) for key in KEYS] == [0, 0]
        assert not platform.environments()["leased"]


async def everybody_goes(callers: Callers) -> None:
    takers = [taker for _, taker in callers.waiting]
    for taker in takers:
        taker.cancel()
    await asyncio.gather(*takers, return_exceptions=True)
    callers.collect()
    while callers.held:
        callers.a_lease_comes_back(0)
    await asyncio.sleep(0)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((*ACTS, *[Callers.a_call_comes] * 4)),
            st.integers(0, 5),
            st.sampled_from([0, 1, 2, 3, 4, 9]),
        ),
        min_size=20,
        max_size=80,
    )
)
def test_units_out_are_leases_out_whatever_happens(steps: list[Step]) -> None:
    asyncio.run(live_through(steps))

"""The fleet against a simulated cluster: random events in any order, and what must hold after each of them."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from raylambda.fleet.events import (
    BootEnvironment,
    CodeCame,
    CreateHost,
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    FleetCommand,
    FleetEvent,
    GrantLease,
    HostDied,
    HostFailed,
    HostReady,
    LeaseGivenBack,
    PlacementAbandoned,
    PlacementRequested,
    PrepareHost,
    RefusePlacement,
    ReleaseHost,
    StopEnvironment,
    Tick,
    VersionRetired,
)
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.policy import FixedIdleTime, FleetPolicy
from raylambda.hosts.placing import Lease
from raylambda.model.function import FunctionVersion
from raylambda.model.ray_options import RayOptions
from raylambda.testing.scheduling import environments_by_state
from tests.builders import a_version

FUNCTIONS = (
    {"name": "small", "memory_mb": 128},
    {"name": "middle", "memory_mb": 256},
    {"name": "large", "memory_mb": 1000},
    {"name": "gpu", "memory_mb": 128, "ray_options": RayOptions(num_gpus=1)},
)
GENERATIONS = ("g1", "g2")
HOST_MB = 384


class SimulatedCluster(RuleBasedStateMachine):
    """Keeps its own books of hosts, environments and leases, made from the commands alone."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.now = 0.0
        self.creating: dict[str, CreateHost] = {}
        self.hosts: dict[str, int] = {}
        self.starting: dict[str, BootEnvironment] = {}
        self.running: dict[str, BootEnvironment] = {}
        self.stopping: set[str] = set()
        self.leases: dict[int, Lease] = {}
        self.given_back: list[Lease] = []
        self.waiting: set[int] = set()
        self.max_hosts: int | None = None
        self.fleet = self.a_fleet()

    def a_fleet(self) -> Fleet:
        policy = FleetPolicy(max_hosts=self.max_hosts, placement_limit_s=60.0, build_limit_s=60.0)
        return Fleet(policy, FixedIdleTime(30.0), lambda: f"id-{next(self.numbers)}")

    # -- the cluster's side ----------------------------------------------------------------------------------------

    def tell(self, event: FleetEvent) -> None:
        for command in self.fleet.handle(event, self.now):
            self.obey(command)

    def obey(self, command: FleetCommand) -> None:
        match command:
            case CreateHost():
                same_class = [c for c in self.creating.values() if c.host_class == command.host_class]
                assert not same_class, "one host of a class at a time"
                self.creating[command.host_id] = command
            case ReleaseHost(host_id):
                assert not self.on_host(host_id), "only empty hosts are released"
                del self.hosts[host_id]
            case BootEnvironment():
                assert command.host_id in self.hosts
                self.starting[command.environment_id] = command
                assert self.occupied_mb(command.host_id) <= self.hosts[command.host_id], "memory is overcommitted"
            case StopEnvironment(environment_id):
                assert environment_id in self.running
                assert environment_id not in {lease.environment_id for lease in self.leases.values()}
                self.stopping.add(environment_id)
            case PrepareHost(host_id):
                assert host_id in self.hosts
            case GrantLease(lease):
                self.waiting.remove(lease.placement_id)
                assert lease.environment_id in self.running
                assert lease.environment_id not in self.stopping
                assert lease.environment_id not in {held.environment_id for held in self.leases.values()}
                self.leases[lease.placement_id] = lease
            case RefusePlacement(placement_id):
                self.waiting.remove(placement_id)

    def on_host(self, host_id: str) -> list[BootEnvironment]:
        return [e for e in (*self.starting.values(), *self.running.values()) if e.host_id == host_id]

    def occupied_mb(self, host_id: str) -> int:
        return sum(environment.version.memory_mb for environment in self.on_host(host_id))

    def forget(self, environment_id: str) -> None:
        self.running.pop(environment_id, None)
        self.starting.pop(environment_id, None)
        self.stopping.discard(environment_id)

    # -- what may happen -------------------------------------------------------------------------------------------

    @rule(which=st.sampled_from(FUNCTIONS), generation=st.sampled_from(GENERATIONS))
    def a_call_comes(self, which: dict[str, object], generation: str) -> None:
        placement_id = next(self.numbers)
        self.waiting.add(placement_id)
        self.tell(PlacementRequested(placement_id, a_version(**which, generation=generation)))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def a_caller_gives_up(self, data: st.DataObject) -> None:
        placement_id = data.draw(st.sampled_from(sorted(self.waiting)))
        self.waiting.remove(placement_id)
        self.tell(PlacementAbandoned(placement_id))

    @precondition(lambda self: self.creating)
    @rule(data=st.data())
    def a_host_comes_up(self, data: st.DataObject) -> None:
        create = self.creating.pop(data.draw(st.sampled_from(sorted(self.creating))))
        self.hosts[create.host_id] = max(HOST_MB, create.at_least_mb)
        self.tell(HostReady(create.host_id, f"node-{len(self.hosts) % 2}", self.hosts[create.host_id]))

    @precondition(lambda self: self.creating)
    @rule(data=st.data(), unplaceable=st.booleans())
    def a_host_does_not_come_up(self, data: st.DataObject, unplaceable: bool) -> None:
        create = self.creating.pop(data.draw(st.sampled_from(sorted(self.creating))))
        self.tell(HostFailed(create.host_id, "no room", unplaceable))

    @precondition(lambda self: self.hosts)
    @rule(data=st.data(), twice=st.booleans())
    def a_host_is_lost(self, data: st.DataObject, twice: bool) -> None:
        host_id = data.draw(st.sampled_from(sorted(self.hosts)))
        for environment in self.on_host(host_id):
            self.forget(environment.environment_id)
        del self.hosts[host_id]
        self.leases = {number: lease for number, lease in self.leases.items() if self.known(lease)}
        self.tell(HostDied(host_id))
        if twice:
            self.tell(HostDied(host_id))

    def known(self, lease: Lease) -> bool:
        known = lease.environment_id in self.running
        if not known:
            self.given_back.append(lease)
        return known

    @precondition(lambda self: self.starting)
    @rule(data=st.data())
    def a_start_succeeds(self, data: st.DataObject) -> None:
        environment_id = data.draw(st.sampled_from(sorted(self.starting)))
        self.running[environment_id] = self.starting.pop(environment_id)
        self.tell(EnvironmentReady(environment_id))

    @precondition(lambda self: self.starting)
    @rule(data=st.data())
    def a_start_fails(self, data: st.DataObject) -> None:
        environment_id = data.draw(st.sampled_from(sorted(self.starting)))
        self.forget(environment_id)
        self.tell(EnvironmentFailed(environment_id, "no jail"))

    @precondition(lambda self: self.stopping)
    @rule(data=st.data())
    def a_stop_is_done(self, data: st.DataObject) -> None:
        environment_id = data.draw(st.sampled_from(sorted(self.stopping)))
        self.forget(environment_id)
        self.tell(EnvironmentGone(environment_id))

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def an_idle_environment_ends_by_itself(self, data: st.DataObject) -> None:
        environment_id = data.draw(st.sampled_from(self.idle()))
        self.forget(environment_id)
        self.tell(EnvironmentGone(environment_id))

    def idle(self) -> list[str]:
        leased = {lease.environment_id for lease in self.leases.values()}
        return sorted(set(self.running) - leased - self.stopping)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), reusable=st.booleans())
    def a_lease_is_given_back(self, data: st.DataObject, reusable: bool) -> None:
        lease = self.leases.pop(data.draw(st.sampled_from(sorted(self.leases))))
        self.given_back.append(lease)
        self.tell(LeaseGivenBack(lease, reusable))

    @precondition(lambda self: self.given_back)
    @rule(data=st.data(), reusable=st.booleans())
    def a_lease_is_given_back_again(self, data: st.DataObject, reusable: bool) -> None:
        lease = data.draw(st.sampled_from(self.given_back))
        assert self.fleet.handle(LeaseGivenBack(lease, reusable), self.now) == []

    @rule(which=st.sampled_from(FUNCTIONS), current=st.sets(st.sampled_from(GENERATIONS)))
    def a_function_changes(self, which: dict[str, object], current: set[str]) -> None:
        version: FunctionVersion = a_version(**which)
        key = (version.account, version.region, version.name)
        self.tell(VersionRetired(key, frozenset(("$LATEST", generation) for generation in current)))

    @rule(which=st.sampled_from(FUNCTIONS))
    def code_comes(self, which: dict[str, object]) -> None:
        before = self.fleet.describe()
        self.tell(CodeCame(a_version(**which)))
        assert self.fleet.describe() == before, "nothing is held for code that nobody has called"

    @rule(seconds=st.sampled_from([0.0, 1.0, 6.0, 31.0, 400.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        self.tell(Tick())

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        """Brings the machine to deep states: warm hosts full of idle environments."""
        while self.answer_everything():
            pass
        for lease in tuple(self.leases.values()):
            self.given_back.append(self.leases.pop(lease.placement_id))
            self.tell(LeaseGivenBack(lease, reusable=True))

    # -- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def the_books_agree(self) -> None:
        self.fleet.check()
        environments = environments_by_state(self.fleet)
        assert environments["leased"] == len(self.leases)
        assert environments["starting"] == len(self.starting)
        assert environments["stopping"] == len(self.stopping)
        assert environments["idle"] == len(self.idle())

    @invariant()
    def the_explanation_tells_of_everything(self) -> None:
        explained = [self.fleet.explain(("123456789012", "us-east-1", str(which["name"]))) for which in FUNCTIONS]
        environments: list[dict[str, Any]] = [one for each in explained for one in each["environments"]]
        waiting: list[dict[str, Any]] = [one for each in explained for one in each["waiting"]]
        assert Counter(one["state"] for one in environments) == environments_by_state(self.fleet)
        assert all(one["story"][-1]["to"] == one["state"] for one in environments)
        assert sum(one["placements"] for one in waiting) == len(self.waiting)
        assert all(one["why"] for one in waiting)

    def teardown(self) -> None:
        """Once all is answered and time has gone by, nobody waits, and nothing is left but the head-room."""
        for _ in range(1000):
            if not self.answer_everything():
                break
        self.now += 61.0
        self.tell(Tick())
        while self.answer_everything():
            pass
        assert not self.waiting
        for lease in tuple(self.leases.values()):
            del self.leases[lease.placement_id]
            self.tell(LeaseGivenBack(lease, reusable=True))
        for _ in range(3):
            self.now += 400.0
            self.tell(Tick())
            while self.answer_everything():
                pass
        self.the_books_agree()
        assert not self.running
        assert len(self.hosts) <= 1

    def answer_everything(self) -> bool:
        busy = bool(self.creating or self.starting or self.stopping)
        for create in tuple(self.creating.values()):
            del self.creating[create.host_id]
            self.hosts[create.host_id] = max(HOST_MB, create.at_least_mb)
            self.tell(HostReady(create.host_id, "node-1", self.hosts[create.host_id]))
        for environment_id in tuple(self.starting):
            self.running[environment_id] = self.starting.pop(environment_id)
            self.tell(EnvironmentReady(environment_id))
        for environment_id in tuple(self.stopping):
            self.forget(environment_id)
            self.tell(EnvironmentGone(environment_id))
        return busy


class SmallMachine(SimulatedCluster):
    """One host of each class, as on a laptop."""

    def a_fleet(self) -> Fleet:
        self.max_hosts = 1
        return super().a_fleet()


SimulatedCluster.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
SmallMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestFleet = SimulatedCluster.TestCase
TestFleetOnOneMachine = SmallMachine.TestCase

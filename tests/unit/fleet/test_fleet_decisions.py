"""The fleet: lists of events, and the commands that follow."""

from __future__ import annotations

from typing import Any

from raylambda.fleet.events import (
    BootEnvironment,
    CodeCame,
    CreateHost,
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    GrantLease,
    HostDied,
    HostFailed,
    HostReady,
    PlacementAbandoned,
    PrepareHost,
    RefusePlacement,
    ReleaseHost,
    StopEnvironment,
    VersionRetired,
)
from raylambda.fleet.host_choice import hosts_with_room
from raylambda.fleet.state import HostRecord
from raylambda.hosts.placing import Refusal
from raylambda.hosts.ports import HostClass
from raylambda.model.ray_options import RayOptions
from tests.builders import a_version
from tests.unit.fleet.told_fleet import ToldFleet, only

KEY = ("123456789012", "us-east-1", "hello")


def test_the_first_call_waits_for_a_host_and_a_start_and_is_cold() -> None:
    fleet = ToldFleet()

    placement_id, commands = fleet.request()
    create = only(commands, CreateHost)
    start = only(fleet.tell(HostReady(create.host_id, "node-1", 1024)), BootEnvironment)
    lease = fleet.ready(start)

    assert create.host_class.name == "default"
    assert create.at_least_mb == 128
    assert start.host_id == create.host_id
    assert (lease.placement_id, lease.environment_id, lease.cold) == (placement_id, start.environment_id, True)


def test_a_returned_environment_serves_the_next_call_warm() -> None:
    fleet = ToldFleet()
    fleet.a_host()

    lease = fleet.lease()

    assert not lease.cold


def test_the_environment_used_last_is_leased_first() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    first, second, third = fleet.lease(), fleet.lease(), fleet.lease()
    for lease in (first, third, second):
        fleet.wait(1)
        fleet.give_back(lease)

    assert fleet.lease().environment_id == second.environment_id
    assert fleet.lease().environment_id == third.environment_id
    assert fleet.lease().environment_id == first.environment_id


def test_environments_are_not_shared_between_functions_versions_or_generations() -> None:
    fleet = ToldFleet()
    fleet.a_host()

    for version in (a_version(name="other"), a_version(version="1"), a_version(generation="g2")):
        _, commands = fleet.request(version)
        only(commands, BootEnvironment)


def test_a_waiting_placement_takes_a_returned_environment_before_its_own_start() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    lease = fleet.lease()
    waiting, commands = fleet.request()
    start = only(commands, BootEnvironment)

    grant = only(fleet.give_back(lease), GrantLease)
    extra = fleet.tell(EnvironmentReady(start.environment_id))

    assert grant.lease.placement_id == waiting
    assert grant.lease.environment_id == lease.environment_id
    assert extra == []
    assert fleet.environments() == {"leased": 1, "idle": 1}


def test_a_start_in_excess_serves_the_next_placement() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    lease = fleet.lease()
    _, commands = fleet.request()
    start = only(commands, BootEnvironment)
    fleet.give_back(lease)

    later, commands = fleet.request()

    assert commands == []
    assert fleet.ready(start).placement_id == later


def test_new_environments_go_to_the_least_loaded_node() -> None:
    fleet = ToldFleet()
    big = a_version(memory_mb=1024)
    first = fleet.a_host(memory_mb=1024, node_id="node-1", version=big)
    lease = fleet.lease(big)
    _, commands = fleet.request(big)
    second = only(commands, CreateHost).host_id
    fleet.ready(only(fleet.tell(HostReady(second, "node-2", 1024)), BootEnvironment))
    fleet.give_back(lease, reusable=False)
    fleet.tell(EnvironmentGone(lease.environment_id))

    _, commands = fleet.request(a_version(name="small"))

    assert only(commands, BootEnvironment).host_id == first


def test_idle_environments_of_others_make_room_longest_idle_first() -> None:
    fleet = ToldFleet()
    host_id = fleet.a_host(memory_mb=384)
    others = [fleet.lease(a_version(name=name)) for name in ("old", "new")]
    for lease in others:
        fleet.wait(1)
        fleet.give_back(lease)
    fleet.give_back(fleet.lease())

    placement_id, commands = fleet.request(a_version(name="fourth"))
    stop = only(commands, StopEnvironment)
    start = only(fleet.tell(EnvironmentGone(stop.environment_id)), BootEnvironment)

    assert stop.environment_id == others[0].environment_id
    assert start.host_id == host_id
    assert fleet.ready(start).placement_id == placement_id


def test_no_start_begins_before_the_memory_is_free() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=256)
    fleet.give_back(fleet.lease(a_version(name="other")))

    placement_id, commands = fleet.request(a_version(name="big", memory_mb=256))
    stops = [command for command in commands if isinstance(command, StopEnvironment)]
    after_one = fleet.tell(EnvironmentGone(stops[0].environment_id))
    start = only(fleet.tell(EnvironmentGone(stops[1].environment_id)), BootEnvironment)

    assert len(commands) == len(stops) == 2
    assert after_one == []
    assert fleet.ready(start).placement_id == placement_id


def test_one_host_of_a_class_is_made_at_a_time() -> None:
    fleet = ToldFleet()

    _, first = fleet.request()
    _, second = fleet.request()
    _, other_class = fleet.request(a_version(name="gpu", ray_options=RayOptions(num_gpus=1)))

    only(first, CreateHost)
    assert second == []
    assert only(other_class, CreateHost).host_class.options.num_gpus == 1


def test_when_one_host_is_not_enough_for_all_that_wait_another_is_asked_for() -> None:
    fleet = ToldFleet()
    _, commands = fleet.request()
    create = only(commands, CreateHost)
    fleet.request()

    commands = fleet.tell(HostReady(create.host_id, "node-1", 128))

    assert [type(command) for command in commands] == [BootEnvironment, CreateHost]


def test_a_large_function_asks_for_a_host_of_its_size() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=1024)

    _, commands = fleet.request(a_version(name="large", memory_mb=10240))

    assert only(commands, CreateHost).at_least_mb == 10240


def test_where_hosts_are_limited_a_function_that_fits_none_is_refused_at_once() -> None:
    fleet = ToldFleet(max_hosts=1)
    fleet.a_host(memory_mb=1024)

    _, commands = fleet.request(a_version(name="large", memory_mb=10240))

    refused = only(commands, RefusePlacement)
    assert refused.refusal is Refusal.UNPLACEABLE
    assert "10240 MB" in refused.message
    assert "1024 MB" in refused.message


def test_what_no_node_offers_is_refused_with_the_reason() -> None:
    fleet = ToldFleet()
    placement_id, commands = fleet.request(a_version(ray_options=RayOptions(num_gpus=1)))
    create = only(commands, CreateHost)

    commands = fleet.tell(HostFailed(create.host_id, "no node offers num_gpus=1 (most: 0)", unplaceable=True))

    expected = RefusePlacement(placement_id, Refusal.UNPLACEABLE, "no node offers num_gpus=1 (most: 0)")
    assert commands == [expected]
    _, again = fleet.request(a_version(ray_options=RayOptions(num_gpus=1)))
    only(again, CreateHost)


def test_a_host_too_large_for_any_node_does_not_refuse_smaller_functions() -> None:
    fleet = ToldFleet()
    large, commands = fleet.request(a_version(name="large", memory_mb=10240))
    create = only(commands, CreateHost)
    fleet.request(a_version(name="small"))

    commands = fleet.tell(HostFailed(create.host_id, "no node offers memory_mb=10240", unplaceable=True))

    assert [type(command) for command in commands] == [RefusePlacement, CreateHost]
    assert commands[0].placement_id == large  # type: ignore[union-attr]
    assert commands[1].at_least_mb == 128  # type: ignore[union-attr]


def test_a_host_that_did_not_come_up_is_asked_for_again_after_a_while() -> None:
    fleet = ToldFleet(host_retry_s=5)
    _, commands = fleet.request()
    create = only(commands, CreateHost)

    assert fleet.tell(HostFailed(create.host_id, "no room", unplaceable=False)) == []
    assert fleet.wait(4) == []
    only(fleet.wait(1), CreateHost)


def test_a_host_without_room_in_the_cluster_takes_the_place_of_one_that_runs_nothing() -> None:
    fleet = ToldFleet(host_retry_s=5)
    host_id = fleet.a_host()
    _, commands = fleet.request(a_version(name="gpu", ray_options=RayOptions(num_gpus=1)))
    create = only(commands, CreateHost)

    stop = only(fleet.tell(HostFailed(create.host_id, "no room", unplaceable=False)), StopEnvironment)
    release = only(fleet.tell(EnvironmentGone(stop.environment_id)), ReleaseHost)

    assert release.host_id == host_id


def test_a_placement_that_waited_too_long_is_refused_with_the_last_error() -> None:
    fleet = ToldFleet(placement_limit_s=60, host_retry_s=100)
    placement_id, commands = fleet.request()
    fleet.tell(HostFailed(only(commands, CreateHost).host_id, "no room in the cluster", unplaceable=False))

    refused = only(fleet.wait(60), RefusePlacement)

    assert (refused.placement_id, refused.refusal) == (placement_id, Refusal.NO_CAPACITY)
    assert "60 seconds" in refused.message
    assert "no room in the cluster" in refused.message


def test_where_packages_must_be_installed_first_a_placement_waits_longer() -> None:
    fleet = ToldFleet(placement_limit_s=60, build_limit_s=600)
    fleet.request(a_version(ray_options=RayOptions(runtime_env={"uv": ["numpy"]})))

    assert fleet.wait(599) == []
    only(fleet.wait(1), RefusePlacement)


def test_variables_alone_make_nobody_wait_longer() -> None:
    fleet = ToldFleet(placement_limit_s=60, build_limit_s=600)
    fleet.request(a_version(ray_options=RayOptions(runtime_env={"env_vars": {"A": "b"}})))

    only(fleet.wait(60), RefusePlacement)


def test_a_failed_start_refuses_the_placement_that_waited_longest() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    fleet.lease()
    first, commands = fleet.request()
    fleet.request()

    refused = fleet.tell(EnvironmentFailed(only(commands, BootEnvironment).environment_id, "no jail"))

    assert refused == [RefusePlacement(first, Refusal.START_FAILED, "no jail")]


def test_a_lost_host_returns_its_leases_once_and_waiting_placements_start_elsewhere() -> None:
    fleet = ToldFleet()
    lost = fleet.a_host(memory_mb=256)
    lease = fleet.lease()
    waiting, commands = fleet.request()
    only(commands, BootEnvironment)

    create = only(fleet.tell(HostDied(lost)), CreateHost)
    late_return = fleet.give_back(lease)
    again = fleet.tell(HostDied(lost))
    start = only(fleet.tell(HostReady(create.host_id, "node-2", 256)), BootEnvironment)

    assert late_return == again == []
    assert fleet.ready(start).placement_id == waiting


def test_a_lease_is_returned_once_even_when_its_environment_serves_another_by_then() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    first = fleet.lease()
    fleet.give_back(first)
    second = fleet.lease()

    assert first.environment_id == second.environment_id
    assert fleet.give_back(first) == []
    assert fleet.environments() == {"leased": 1}


def test_an_environment_that_must_not_be_used_again_is_stopped() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    lease = fleet.lease()

    stop = only(fleet.give_back(lease, reusable=False), StopEnvironment)

    assert stop.environment_id == lease.environment_id


def test_idle_environments_are_stopped_after_their_time() -> None:
    fleet = ToldFleet(idle_timeout_s=600)
    fleet.a_host()
    fleet.wait(599)
    used = fleet.lease()
    fleet.give_back(used)

    assert fleet.wait(599) == []
    assert only(fleet.wait(1), StopEnvironment).environment_id == used.environment_id


def test_an_update_retires_idle_environments_at_once_and_busy_ones_when_they_return() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    busy, idle = fleet.lease(), fleet.lease()
    fleet.give_back(idle)

    stop_idle = only(fleet.tell(VersionRetired(KEY, frozenset({("$LATEST", "g2")}))), StopEnvironment)
    stop_busy = only(fleet.give_back(busy), StopEnvironment)

    assert stop_idle.environment_id == idle.environment_id
    assert stop_busy.environment_id == busy.environment_id


def test_an_update_leaves_published_versions_and_other_functions_alone() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    fleet.give_back(fleet.lease(a_version(version="1", generation="g1")))
    fleet.give_back(fleet.lease(a_version(name="other")))

    commands = fleet.tell(VersionRetired(KEY, frozenset({("$LATEST", "g2"), ("1", "g1")})))

    only(commands, StopEnvironment)
    assert fleet.environments() == {"idle": 2, "stopping": 1}


def test_a_placement_from_before_the_update_is_still_served_and_its_environment_then_retired() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    fleet.lease()
    waiting, commands = fleet.request()
    start = only(commands, BootEnvironment)
    fleet.tell(VersionRetired(KEY, frozenset()))

    lease = fleet.ready(start)

    assert lease.placement_id == waiting
    only(fleet.give_back(lease), StopEnvironment)


def test_an_abandoned_placement_gets_nothing_and_its_start_becomes_idle() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    fleet.lease()
    placement_id, commands = fleet.request()
    start = only(commands, BootEnvironment)

    assert fleet.tell(PlacementAbandoned(placement_id)) == []
    assert fleet.tell(EnvironmentReady(start.environment_id)) == []
    assert fleet.environments() == {"leased": 1, "idle": 1}


def test_a_place_in_a_queue_that_nobody_needs_any_more_is_given_up() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=128)
    placement_id, commands = fleet.request(a_version(name="other"))
    stop = only(commands, StopEnvironment)

    fleet.tell(PlacementAbandoned(placement_id))

    assert fleet.tell(EnvironmentGone(stop.environment_id)) == []
    assert fleet.environments() == {}


def test_a_function_that_starts_too_many_environments_at_once_is_throttled() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=2_000_000)
    refusals = []
    for _ in range(1001):
        _, commands = fleet.request()
        refusals += [command for command in commands if isinstance(command, RefusePlacement)]

    assert [refused.refusal for refused in refusals] == [Refusal.START_RATE]
    _, elsewhere = fleet.request(a_version(name="other"))
    only(elsewhere, BootEnvironment)
    fleet.now += 1
    later = [fleet.request()[1] for _ in range(101)]
    assert sum(isinstance(command, BootEnvironment) for commands in later for command in commands) == 100


def test_one_default_host_is_kept_so_that_a_cold_start_waits_for_no_host() -> None:
    fleet = ToldFleet(head_room=1, host_idle_s=300)

    create = only(fleet.wait(0), CreateHost)
    fleet.tell(HostReady(create.host_id, "node-1", 1024))

    assert fleet.wait(1000) == []
    _, commands = fleet.request()
    only(commands, BootEnvironment)
    only(fleet.tell(HostDied(create.host_id)), CreateHost)


def test_hosts_beyond_the_head_room_are_released_after_a_while() -> None:
    fleet = ToldFleet(head_room=1, host_idle_s=300, idle_timeout_s=10)
    create = only(fleet.wait(0), CreateHost)
    fleet.tell(HostReady(create.host_id, "node-1", 1024))
    gpu = a_version(ray_options=RayOptions(num_gpus=1))
    host_id = fleet.a_host(version=gpu)
    fleet.tell(EnvironmentGone(only(fleet.wait(10), StopEnvironment).environment_id))

    assert fleet.wait(299) == []
    assert only(fleet.wait(1), ReleaseHost).host_id == host_id


def test_new_code_is_prepared_where_a_first_call_would_start_at_once() -> None:
    fleet = ToldFleet()
    host_id = fleet.a_host(memory_mb=1024)

    assert fleet.tell(CodeCame(new := a_version(name="new", memory_mb=896))) == [PrepareHost(host_id, new)]
    assert fleet.tell(CodeCame(a_version(name="large", memory_mb=897))) == []
    assert fleet.tell(CodeCame(a_version(name="gpu", ray_options=RayOptions(num_gpus=1)))) == []


def test_one_host_of_each_node_is_enough_to_prepare_code() -> None:
    hosts = [a_host_record("h1", "n1"), a_host_record("h2", "n1"), a_host_record("h3", "n2")]
    full, leaving = a_host_record("h4", "n3", planned_mb=1000), a_host_record("h5", "n4", leaving=True)

    chosen = hosts_with_room([*hosts, full, leaving], 128)

    assert sorted(host.node_id for host in chosen) == ["n1", "n2"]


def a_host_record(host_id: str, node_id: str, **changes: Any) -> HostRecord:
    default = HostClass("default", RayOptions())
    return HostRecord(host_id, default, 128, 0.0, node_id=node_id, memory_mb=1024, **changes)


def test_a_host_that_nobody_expects_is_released() -> None:
    fleet = ToldFleet()

    assert fleet.tell(HostReady("stranger", "node-1", 1024)) == [ReleaseHost("stranger")]


def test_the_description_names_hosts_functions_and_states() -> None:
    fleet = ToldFleet()
    host_id = fleet.a_host()

    [host] = fleet.fleet.describe()["hosts"]  # type: ignore[misc]

    assert host["host_id"] == host_id
    assert host["occupied_mb"] == 128
    assert [(e["function"], e["state"]) for e in host["environments"]] == [("hello", "idle")]

"""Why a function gets what it gets: its environments with their stories, who waits, who was refused, and what ended."""

from __future__ import annotations

from typing import Any, get_args

from raylambda.fleet.events import (
    BootEnvironment,
    CreateHost,
    EnvironmentFailed,
    EnvironmentGone,
    FleetCommand,
    FleetEvent,
    HostDied,
    HostFailed,
    HostReady,
    PlacementAbandoned,
    RefusePlacement,
    StopEnvironment,
    VersionRetired,
)
from raylambda.fleet.explain import CAUSES
from raylambda.model.ray_options import RayOptions
from tests.builders import KEY, a_version
from tests.unit.fleet.told_fleet import ToldFleet, only


def explained(fleet: ToldFleet, key: tuple[str, str, str] = KEY) -> dict[str, Any]:
    return fleet.fleet.explain(key)


def why(fleet: ToldFleet, name: str = "hello") -> str:
    """What the only pool of the function waits for."""
    [waiting] = explained(fleet, (*KEY[:2], name))["waiting"]
    text: str = waiting["why"]
    return text


def test_every_kind_of_event_has_words() -> None:
    assert set(CAUSES) == set(get_args(FleetEvent))


def test_an_environment_tells_how_it_got_where_it_is() -> None:
    fleet = ToldFleet()
    host_id = fleet.a_host()
    fleet.wait(5)
    lease = fleet.lease()
    fleet.wait(2)

    [environment] = explained(fleet)["environments"]

    assert environment["environment_id"] == lease.environment_id
    assert environment["host_id"] == host_id
    assert (environment["version"], environment["state"], environment["for_s"]) == ("$LATEST", "leased", 2.0)
    assert [(step["at"], step["from"], step["to"], step["cause"]) for step in environment["story"]] == [
        (0.0, None, "queued", "a host came up"),
        (0.0, "queued", "starting", "a host came up"),
        (0.0, "starting", "idle", "an environment was ready"),
        (0.0, "idle", "leased", "an environment was ready"),
        (0.0, "leased", "idle", "a call was done"),
        (5.0, "idle", "leased", "a call came"),
    ]


def test_a_story_keeps_its_last_steps_only() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    for _ in range(100):
        fleet.give_back(fleet.lease())

    [environment] = explained(fleet)["environments"]

    assert len(environment["story"]) == 20
    assert environment["story"][-1]["to"] == "idle"


def test_times_count_from_the_epoch_that_is_given() -> None:
    fleet = ToldFleet()
    fleet.a_host()

    explanation: dict[str, Any] = fleet.fleet.explain(KEY, 1_700_000_000.0)
    [environment] = explanation["environments"]

    assert {step["at"] for step in environment["story"]} == {1_700_000_000.0}


def test_only_the_function_itself_is_told_of() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    fleet.lease(a_version(name="other"))

    [environment] = explained(fleet)["environments"]

    assert environment["state"] == "idle"
    nothing: dict[str, Any] = {"environments": [], "waiting": [], "refusals": [], "ended": []}
    assert explained(fleet, ("210987654321", "us-east-1", "hello")) == nothing
    assert explained(fleet, (*KEY[:2], "never-was")) == nothing


def test_who_waits_is_counted_with_the_time_of_the_one_that_waits_longest() -> None:
    fleet = ToldFleet()
    fleet.request()
    fleet.wait(3)
    fleet.request()
    fleet.request(a_version(version="1"))

    latest, one = explained(fleet)["waiting"]

    assert (latest["version"], latest["placements"], latest["for_s"]) == ("$LATEST", 2, 3.0)
    assert (one["version"], one["placements"], one["for_s"]) == ("1", 1, 0.0)


def test_who_waits_for_a_host_learns_that_it_is_being_made() -> None:
    fleet = ToldFleet()
    fleet.request()
    fleet.wait(7)

    assert why(fleet) == "No room on the hosts that run for 1 more. A host is being made, for 7 s."


def test_who_waits_after_a_host_failed_learns_why_and_when_the_next_is_asked_for() -> None:
    fleet = ToldFleet(host_retry_s=5)
    _, commands = fleet.request()
    fleet.tell(HostFailed(only(commands, CreateHost).host_id, "no room in the cluster", unplaceable=False))
    fleet.wait(2)

    assert why(fleet) == (
        "No room on the hosts that run for 1 more. "
        "The last host that was asked for failed: no room in the cluster. The next is asked for in 3 s."
    )


def test_who_waits_where_hosts_are_limited_learns_the_limit() -> None:
    fleet = ToldFleet(max_hosts=1)
    fleet.a_host(memory_mb=128)
    fleet.lease()

    fleet.request()

    assert why(fleet) == (
        "No room on the hosts that run for 1 more. There may be 1 hosts of this class at most, and there are 1."
    )


def test_who_waits_for_starts_learns_how_many_come() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=256)
    fleet.lease()
    fleet.request()
    assert why(fleet) == "Environments that start: 1."

    fleet = ToldFleet()
    fleet.a_host(memory_mb=128)
    fleet.request(a_version(name="other"))
    assert why(fleet, "other") == "Environments that start once others on their host have left: 1."


def test_refusals_are_remembered_with_their_reason_when_nothing_else_is_left() -> None:
    fleet = ToldFleet(placement_limit_s=60)
    _, commands = fleet.request(a_version(ray_options=RayOptions(num_gpus=1)))
    fleet.tell(HostFailed(only(commands, CreateHost).host_id, "no node offers num_gpus=1", unplaceable=True))
    _, commands = fleet.request()
    fleet.tell(HostFailed(only(commands, CreateHost).host_id, "no room", unplaceable=False))
    only(fleet.wait(60)[:1], RefusePlacement)

    story = explained(fleet)

    assert story["environments"] == story["waiting"] == []
    assert story["refusals"] == [
        {"at": 0.0, "refusal": "unplaceable", "message": "no node offers num_gpus=1"},
        {
            "at": 60.0,
            "refusal": "no capacity",
            "message": "No execution environment became available within 60 seconds. "
            "The last host that was asked for failed: no room",
        },
    ]


def refuse(fleet: ToldFleet, name: str, message: str) -> None:
    """The function's start fails while nothing else of it runs."""
    _, commands = fleet.request(a_version(name=name))
    for command in commands:
        fleet.tell(EnvironmentFailed(command.environment_id, message))  # type: ignore[union-attr]


def test_the_refusals_that_are_kept_are_bounded_per_function_and_in_all() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=4096)
    for number in range(30):
        refuse(fleet, "often", f"failure {number}")
    assert [one["message"] for one in explained(fleet, (*KEY[:2], "often"))["refusals"]] == [
        f"failure {number}" for number in range(10, 30)
    ]

    for number in range(500):
        refuse(fleet, f"function-{number}", "no jail")

    assert explained(fleet, (*KEY[:2], "often"))["refusals"] == []
    assert len(explained(fleet, (*KEY[:2], "function-0"))["refusals"]) == 1


def test_an_environment_that_is_gone_is_no_longer_told_of() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    lease = fleet.lease()

    fleet.tell(EnvironmentGone(lease.environment_id))

    assert explained(fleet)["environments"] == []


def test_a_function_that_waits_no_longer_is_not_told_to_wait() -> None:
    fleet = ToldFleet()
    _, commands = fleet.request()

    fleet.tell(HostReady(only(commands, CreateHost).host_id, "node-1", 1024))

    assert why(fleet) == "Environments that start: 1."


def ended(fleet: ToldFleet, name: str = "hello") -> list[str]:
    """Why the function lost its environments, oldest first."""
    return [one["why"] for one in explained(fleet, (*KEY[:2], name))["ended"]]


def stopped_as_told(fleet: ToldFleet, commands: list[FleetCommand]) -> None:
    for command in commands:
        if isinstance(command, StopEnvironment):
            fleet.tell(EnvironmentGone(command.environment_id))


def test_an_environment_that_ended_leaves_its_story() -> None:
    fleet = ToldFleet(idle_timeout_s=600)
    host_id = fleet.a_host()
    lease = fleet.lease()
    fleet.give_back(lease)
    commands = fleet.wait(600)
    assert explained(fleet)["ended"] == []

    fleet.now += 1
    stopped_as_told(fleet, commands)

    explanation: dict[str, Any] = fleet.fleet.explain(KEY, 1_000.0)
    [past] = explanation["ended"]
    story = past.pop("story")
    assert past == {
        "environment_id": lease.environment_id,
        "version": "$LATEST",
        "host_id": host_id,
        "at": 1_601.0,
        "why": "idle for too long",
    }
    assert story[-2:] == [
        {"at": 1_600.0, "cause": "time went by", "from": "idle", "to": "stopping"},
        {"at": 1_601.0, "cause": "an environment was gone", "from": "stopping", "to": "gone"},
    ]


def test_room_for_another_function_is_why_an_environment_ended() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=128)

    _, commands = fleet.request(a_version(name="other"))
    stopped_as_told(fleet, commands)

    assert ended(fleet) == ["room was made for another function"]
    assert ended(fleet, "other") == []


def test_a_lost_host_is_why_all_its_environments_ended() -> None:
    fleet = ToldFleet()
    host_id = fleet.a_host()
    fleet.lease()
    fleet.lease()

    fleet.tell(HostDied(host_id))

    assert ended(fleet) == ["its host was lost", "its host was lost"]


def test_a_failed_start_is_why_an_environment_ended() -> None:
    fleet = ToldFleet()
    fleet.a_host()

    refuse(fleet, "broken", "no jail")

    assert ended(fleet, "broken") == ["it did not start: no jail"]


def test_a_changed_function_is_why_idle_and_busy_environments_ended() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    busy = fleet.lease()
    fleet.give_back(fleet.lease())

    stopped_as_told(fleet, fleet.tell(VersionRetired(KEY, frozenset())))
    assert ended(fleet) == ["the function was changed"]
    stopped_as_told(fleet, fleet.give_back(busy))

    assert ended(fleet) == ["the function was changed"] * 2


def test_a_call_that_spoilt_it_is_why_an_environment_ended() -> None:
    fleet = ToldFleet()
    fleet.a_host()

    stopped_as_told(fleet, fleet.give_back(fleet.lease(), reusable=False))

    assert ended(fleet) == ["a call left it unusable"]


def test_an_environment_that_was_told_to_stop_did_not_end_by_itself_or_with_its_host() -> None:
    fleet = ToldFleet(idle_timeout_s=600)
    host_id = fleet.a_host()
    lease = fleet.lease()
    fleet.tell(EnvironmentGone(lease.environment_id))
    assert ended(fleet) == ["it ended by itself"]

    fleet.give_back(fleet.lease())
    fleet.wait(600)
    fleet.tell(HostDied(host_id))

    assert ended(fleet)[1:] == ["idle for too long"]


def test_a_place_that_nobody_waited_for_any_more_is_told_of() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=128)
    placement_id, _ = fleet.request(a_version(name="other"))

    fleet.tell(PlacementAbandoned(placement_id))

    assert ended(fleet, "other") == ["nobody waited for it any more"]


def test_a_host_that_made_way_is_why_its_environments_ended() -> None:
    fleet = ToldFleet()
    fleet.a_host()
    _, commands = fleet.request(a_version(name="other", ray_options=RayOptions(num_gpus=1)))

    failed = HostFailed(only(commands, CreateHost).host_id, "no room", unplaceable=False)
    stopped_as_told(fleet, fleet.tell(failed))

    assert ended(fleet) == ["its host made way for functions with other Ray options"]


def test_the_ended_environments_that_are_kept_are_bounded_per_function_and_in_all() -> None:
    fleet = ToldFleet()
    fleet.a_host(memory_mb=4096)
    for number in range(30):
        refuse(fleet, "often", f"failure {number}")
    assert ended(fleet, "often") == [f"it did not start: failure {number}" for number in range(10, 30)]

    for number in range(500):
        refuse(fleet, f"function-{number}", "no jail")

    assert ended(fleet, "often") == []
    assert len(ended(fleet, "function-0")) == 1


def test_a_function_is_told_of_while_it_runs_or_waits_and_once_something_was_refused_or_ended() -> None:
    fleet = ToldFleet()
    assert not fleet.fleet.tells_of(KEY)

    _, commands = fleet.request()
    assert fleet.fleet.tells_of(KEY)
    host_id = only(commands, CreateHost).host_id
    [start] = fleet.tell(HostReady(host_id, "node-1", 1024))
    assert isinstance(start, BootEnvironment)
    fleet.ready(start)
    assert fleet.fleet.tells_of(KEY)
    fleet.tell(HostDied(host_id))
    assert fleet.fleet.tells_of(KEY)

    _, commands = fleet.request(a_version(name="gpu", ray_options=RayOptions(num_gpus=1)))
    fleet.tell(HostFailed(only(commands, CreateHost).host_id, "no GPU", unplaceable=True))
    assert fleet.fleet.tells_of((*KEY[:2], "gpu"))
    assert not fleet.fleet.tells_of((*KEY[:2], "never-was"))

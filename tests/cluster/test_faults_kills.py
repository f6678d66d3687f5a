"""Kills on a cluster while calls and events are under way (design.md 8).

Only what ran in the killed runtime, host or node fails, every accepted event still runs, no unit of concurrency leaks, the next
call works, and no process of the dead host is left.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError

from raylambda.testing.platform import running_platform
from raylambda.testing.processes import Process, the_process
from tests.cluster.nodes import Nodes
from tests.cluster.witness import Witness
from tests.cluster.world import (
    FUNCTION_ERROR,
    OK,
    PLATFORM_ERROR,
    THROTTLED,
    World,
    a_world,
    everything_of,
    left_behind,
    runtimes,
    settings_on,
)
from tests.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.jail, pytest.mark.timeout(300)]

RESERVED = 8
"""As many environments of 256 MB as two hosts of 1,024 MB hold."""


@pytest.fixture(scope="module")
def function(world: World) -> str:
    return world.deploy(reserved=RESERVED)


class Held:
    """``calls`` synchronous calls and ``events`` accepted events that all run, and wait at one gate."""

    def __init__(self, world: World, function: str, calls: int, events: int) -> None:
        self.world, self.function, self.gate = world, function, uuid.uuid4().hex
        self.call_ids = [uuid.uuid4().hex for _ in range(calls)]
        self.event_ids = [uuid.uuid4().hex for _ in range(events)]
        self.calls: list[Future[str]] = [world.call(function, self._event(one)) for one in self.call_ids]
        for one in self.event_ids:
            world.send(function, self._event(one))
        until(lambda: all(world.witness.began[one] for one in (*self.call_ids, *self.event_ids)))

    def _event(self, event_id: str) -> dict[str, str]:
        return {"id": event_id, "gate": self.gate}

    def attempts(self) -> int:
        """Attempts of the events."""
        return sum(self.world.witness.began[one] for one in self.event_ids)

    def over(self) -> list[Future[str]]:
        """The calls that have an answer."""
        return [call for call in self.calls if call.done()]

    def let_go(self) -> Counter[str]:
        """Open the gate; returns what the calls came to, once every event has run to its end and is settled."""
        self.world.witness.open(self.gate)
        answers = Counter(call.result() for call in self.calls)
        until(lambda: all(self.world.witness.ended[one] for one in self.event_ids))
        until(lambda: self.world.unsettled() == 0)
        return answers


def exactly_the_reserved_units_are_there(world: World, function: str) -> None:
    """One call too many is throttled, and all others run side by side."""
    assert world.units() == {}
    gate = uuid.uuid4().hex
    ids = [uuid.uuid4().hex for _ in range(RESERVED + 1)]
    calls = [world.call(function, {"id": one, "gate": gate}) for one in ids]

    until(lambda: sum(world.witness.began[one] for one in ids) == RESERVED)
    until(lambda: any(call.done() for call in calls))
    world.witness.open(gate)

    assert Counter(call.result() for call in calls) == {OK: RESERVED, THROTTLED: 1}


def test_hosts_spread_over_the_nodes(world: World, nodes: Nodes, function: str) -> None:
    held = Held(world, function, calls=RESERVED, events=0)
    hosts = world.hosts()

    answers = held.let_go()

    assert {host["node_id"] for host in hosts} == nodes.ids
    assert [host["leased"] for host in hosts] == [4, 4]
    assert answers == {OK: RESERVED}


def test_a_killed_runtime_fails_its_own_call_only(world: World, function: str) -> None:
    held = Held(world, function, calls=RESERVED, events=0)
    victim = runtimes(world.hosts()[0]["pid"])[0]

    victim.kill()
    until(held.over)

    assert len(held.over()) == 1
    assert held.let_go() == {OK: RESERVED - 1, FUNCTION_ERROR: 1}
    exactly_the_reserved_units_are_there(world, function)


def test_a_killed_runtime_of_an_event_is_tried_again(world: World, function: str) -> None:
    held = Held(world, function, calls=0, events=2)
    victims = [process for host in world.hosts() if host["leased"] for process in runtimes(host["pid"])]

    for victim in victims:
        victim.kill()
    until(lambda: held.attempts() == 4)

    held.let_go()
    exactly_the_reserved_units_are_there(world, function)


def kill_a_host(world: World, nodes: Nodes) -> str:
    """Its process only."""
    [*_, host] = world.hosts()
    the_process(host["pid"]).kill()
    return str(host["host_id"])


def kill_a_node(world: World, nodes: Nodes) -> str:
    """A node that takes its place is there already."""
    nodes.add()
    [*_, host] = world.hosts()
    nodes.kill(host["node_id"])
    return str(host["host_id"])


@pytest.mark.parametrize("kill", [kill_a_host, kill_a_node])
def test_what_ran_on_a_killed_host_or_node_fails_and_events_run_again(
    world: World, nodes: Nodes, function: str, kill: Callable[[World, Nodes], str]
) -> None:
    held = Held(world, function, calls=4, events=4)
    processes: dict[str, list[Process]] = {host["host_id"]: everything_of(host["pid"]) for host in world.hosts()}
    assert [host["leased"] for host in world.hosts()] == [4, 4]

    lost = kill(world, nodes)
    in_the_meantime = world.client.list_functions()["Functions"]
    until(lambda: len(held.over()) + held.attempts() - len(held.event_ids) == 4)

    assert [one["FunctionName"] for one in in_the_meantime] == [function]
    failed = len(held.over())
    assert held.let_go() == Counter({OK: 4 - failed, PLATFORM_ERROR: failed})
    until(lambda: not any(process.runs for process in processes[lost]))
    until(lambda: {host["node_id"] for host in world.hosts()} <= nodes.ids)
    exactly_the_reserved_units_are_there(world, function)
    assert not left_behind(processes[lost][0], lost, nodes)


def test_a_killed_front_door_leaves_no_hosts_and_its_events_run_after_the_restart(
    nodes: Nodes, witness: Witness, tmp_path: Path
) -> None:
    nodes.add()  # the hosts of the other platform fill theirs
    settings = {**settings_on(nodes, witness), "RAYLAMBDA_HOME": str(tmp_path / "data")}
    with running_platform(settings) as platform, a_world(platform, witness) as world:
        function = world.deploy(reserved=1)
        held = Held(world, function, calls=1, events=0)
        waiting = [uuid.uuid4().hex for _ in range(3)]
        for one in waiting:
            world.send(function, {"id": one})
        until(lambda: not world.operator.status()["queue"]["in_hand"])
        [host] = world.hosts()
        processes = everything_of(host["pid"])

        platform.process.kill()

        with pytest.raises(BotoCoreError):
            held.calls[0].result()
        until(lambda: not any(process.runs for process in processes))
        assert not any(witness.began[one] for one in waiting)
        assert world.unsettled() == 3

    with running_platform(settings) as platform, a_world(platform, witness) as world:
        assert world.call(function, {"id": uuid.uuid4().hex}).result() in {OK, THROTTLED}
        until(lambda: all(witness.ended[one] for one in waiting))
        until(lambda: world.unsettled() == 0)
        assert world.units() == {}
        assert not {host["host_id"] for host in world.hosts()} & {host["host_id"]}

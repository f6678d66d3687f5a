"""Runtimes, hosts and nodes are killed at random under a constant load; then the promises of design.md 8 must hold.

``RAYLAMBDA_CHAOS_S`` says for how long (10 s by default, ``make chaos`` takes 120), ``RAYLAMBDA_CHAOS_SEED`` repeats a run's
choices.
"""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from random import SystemRandom

import pytest

from raylambda.testing.processes import the_process
from tests.chaos.killer import RUNTIME, Killer
from tests.chaos.load import CALLERS, Load
from tests.cluster.nodes import Nodes
from tests.cluster.world import FUNCTION_ERROR, OK, PLATFORM_ERROR, World, jails_without_host, left_behind
from tests.waiting import until

SECONDS = float(os.environ.get("RAYLAMBDA_CHAOS_S", "10"))
SEED = int(os.environ.get("RAYLAMBDA_CHAOS_SEED") or SystemRandom().randrange(10**6))
SETTLED_WITHIN_S = 120.0 + 2 * SECONDS
"""An event that failed again and again waits twice as long each time."""

pytestmark = [pytest.mark.cluster, pytest.mark.jail, pytest.mark.timeout(400 + 4 * SECONDS)]


def test_what_is_killed_takes_nothing_with_it(world: World, nodes: Nodes) -> None:
    called, sent_to = world.deploy(reserved=CALLERS), world.deploy()
    load, killer = Load(world, called, sent_to), Killer(world, nodes, SEED)
    print(f"RAYLAMBDA_CHAOS_SEED={SEED} RAYLAMBDA_CHAOS_S={SECONDS:g}")

    began = time.monotonic()
    with load.running(SEED):
        killer.rage(SECONDS)
    print(
        f"{time.monotonic() - began:.0f} s: kills {dict(killer.kills)}, {len(load.events)} events, {dict(load.answers)}"
    )

    assert not load.broken
    every_call_got_one_answer_and_few_failed(load, killer)
    every_accepted_event_ran_and_is_settled(load)
    no_unit_is_out_and_the_platform_serves(load)
    nothing_is_left(world, nodes, killer)


def every_call_got_one_answer_and_few_failed(load: Load, killer: Killer) -> None:
    """No caller was throttled: there are as many units as callers, so that needs a leak."""
    failures = load.answers[FUNCTION_ERROR] + load.answers[PLATFORM_ERROR]
    kills = killer.kills.total()
    in_flight_at_most = killer.kills[RUNTIME] + CALLERS * (kills - killer.kills[RUNTIME])

    assert load.answers.total() == load.calls
    assert set(load.answers) <= {OK, FUNCTION_ERROR, PLATFORM_ERROR}
    assert failures <= in_flight_at_most


def every_accepted_event_ran_and_is_settled(load: Load) -> None:
    until(lambda: load.world.unsettled() == 0, SETTLED_WITHIN_S)

    assert [one for one in load.events if not load.world.witness.ended[one]] == []


def no_unit_is_out_and_the_platform_serves(load: Load) -> None:
    """Both functions fill both hosts: so there is a host that was made after the last kill."""
    world, gate = load.world, uuid.uuid4().hex
    assert world.units() == {}
    ids = [uuid.uuid4().hex for _ in range(2 * CALLERS)]
    calls = [world.call((load.called, load.sent_to)[n % 2], {"id": one, "gate": gate}) for n, one in enumerate(ids)]

    until(lambda: all(world.witness.began[one] for one in ids))
    hosts = world.hosts()
    world.witness.open(gate)

    assert Counter(call.result() for call in calls) == {OK: 2 * CALLERS}
    assert [host["leased"] for host in hosts] == [CALLERS, CALLERS]
    assert sum(host["leased"] for host in world.hosts()) == 0


def nothing_is_left(world: World, nodes: Nodes, killer: Killer) -> None:
    killed = [*killer.runtimes, *(one for host in killer.hosts for one in (host.process, *host.below))]
    living = [the_process(host["pid"]) for host in world.hosts()]

    until(lambda: not [process for process in killed if process.runs])
    until(lambda: not jails_without_host(nodes, living))
    assert [path for host in killer.hosts for path in left_behind(host.process, host.host_id, nodes)] == []

"""Slots come and go, parts die, the host process is killed: nothing is left behind, and what can be mended is mended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.egress_world import (
    INTERNET,
    Driver,
    Slot,
    World,
    impossible_here,
    may_skip,
    namespaces_of,
    seen_anywhere,
)
from tests.waiting import until

pytestmark = [pytest.mark.jail, pytest.mark.skipif(may_skip(), reason=impossible_here())]

GATEWAY_PROGRAM = "slirp4netns"


@pytest.fixture(scope="module", params=["root", "ordinary"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    yield made
    made.close()


def namespace_of(slot: Slot) -> Path:
    """The path by which a slot enters its network namespace: ``/proc/HOLDER/root/...``."""
    entry = next(argument for argument in slot.prefix if argument.startswith("--net="))
    return Path(entry.partition("=")[2])


def holder_of(slot: Slot) -> int:
    """The holder's process."""
    return int(namespace_of(slot).parts[2])


def test_twenty_guests_at_once_and_the_pool_is_refilled(world: World) -> None:
    with world.driver(pool_size=4) as driver:
        slots = driver.take(20)

        answers = [driver.guest(slot, "tcp", INTERNET, "8000") for slot in slots]

        assert answers == [INTERNET] * 20
        assert len({slot.slot_id for slot in slots}) == 20
        made = namespace_of(slots[0]).parent
        until(lambda: len([*made.glob("guest*")]) == 24, what="four more are ready")


def test_a_released_slot_is_gone_and_never_given_again(world: World) -> None:
    with world.driver() as driver:
        slot = driver.slot()
        assert namespace_of(slot).exists()

        driver.do("give_back", slot_id=slot.slot_id)
        driver.do("give_back", slot_id=slot.slot_id)

        assert not namespace_of(slot).exists()
        assert slot.slot_id not in {other.slot_id for other in driver.take(10)}


def test_a_process_left_over_in_a_released_slot_reaches_nothing(world: World) -> None:
    with world.driver() as driver:
        slot = driver.slot()
        left_over = driver.start_guest(slot, "hold", INTERNET, "8000")
        assert left_over.stdout is not None
        assert left_over.stdout.readline().strip() == INTERNET

        driver.do("give_back", slot_id=slot.slot_id)

        assert left_over.poll() is None
        assert left_over.communicate("go\n")[0].strip() == "no answer"


def test_the_killed_host_process_leaves_nothing(world: World) -> None:
    driver = world.driver()
    slots = driver.take(3)
    namespaces = namespaces_of(holder_of(slots[0]))
    assert len(namespaces - world.others()) >= 4  # outbound, three guests, and what the pool has
    assert world.on_the_node(GATEWAY_PROGRAM)

    driver.kill()

    until(lambda: not seen_anywhere(namespaces - world.others()), what="all namespaces are gone")
    until(lambda: not world.on_the_node(GATEWAY_PROGRAM), what="the gateway program is gone")


def test_closing_leaves_nothing(world: World) -> None:
    with world.driver() as driver:
        namespaces = namespaces_of(holder_of(driver.slot())) - world.others()

        driver.do("close")
        driver.do("close")

        until(lambda: not seen_anywhere(namespaces), what="all namespaces are gone")
        assert not world.on_the_node(GATEWAY_PROGRAM)
        assert driver.do("take") == {"error": "Outbound networking is closed."}


def test_the_nodes_own_network_is_not_changed(world: World) -> None:
    look = "ip -brief link; ip route show table all; ip rule; nft list ruleset; sysctl -a --pattern '^net' 2>/dev/null"
    before = world.node.sh(look)

    with world.driver() as driver:
        driver.guest(driver.slot(), "tcp", INTERNET, "8000")
        during = world.node.sh(look)

    assert during == before


def test_a_dead_gateway_program_is_started_again(world: World) -> None:
    with world.driver() as driver:
        slot = driver.slot()
        for process in world.on_the_node(GATEWAY_PROGRAM):
            os.kill(process, signal.SIGKILL)
        assert driver.guest(slot, "tcp", INTERNET, "8000") != INTERNET

        driver.do("refresh")

        assert driver.guest(slot, "tcp", INTERNET, "8000") == INTERNET


def test_after_the_death_of_the_holder_new_guests_have_a_network(world: World) -> None:
    with world.driver() as driver:
        old = driver.slot()
        os.kill(holder_of(old), signal.SIGKILL)
        until(lambda: not namespace_of(old).exists(), what="the holder is gone")

        new = driver.slot()
        driver.do("give_back", slot_id=old.slot_id)

        assert holder_of(new) != holder_of(old)
        assert driver.guest(new, "tcp", INTERNET, "8000") == INTERNET


def test_a_jailed_guest_uses_its_network_and_cannot_change_it(world: World) -> None:
    with world.driver(["localhost:5432"]) as driver:
        slot = driver.slot()

        assert jailed(driver, slot, "probe", "tcp", "host.raylambda.internal", "5432") == "127.0.0.1"
        assert jailed(driver, slot, "probe", "tcp", "host.raylambda.internal", "6000") == "ECONNREFUSED"
        assert jailed(driver, slot, "probe", "resolve", "example.com") == INTERNET
        assert "Operation not permitted" in jailed(driver, slot, "ip", "address", "add", "192.0.2.99/32", "dev", "eth0")
        assert "Operation not permitted" in jailed(driver, slot, "ip", "link", "set", "eth0", "down")


def jailed(driver: Driver, slot: Slot, program: str, *arguments: str) -> str:
    """Run a program in bubblewrap below the slot's prefix; its output and errors."""
    argv = driver.in_jail(slot, program, *arguments)
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    return (done.stdout + done.stderr).strip()

"""What a guest reaches and what not, in a world of network namespaces; as root and as an ordinary user."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from raylambda.node.sandbox.network.rules import CONNECTIONS_PER_GUEST
from tests.guest.egress_world import (
    CLUSTER_NODE,
    INTERNET,
    METADATA,
    NODE_ADDRESS,
    OTHER_NODE,
    Driver,
    Slot,
    World,
    impossible_here,
    may_skip,
)
from tests.waiting import until

pytestmark = [pytest.mark.jail, pytest.mark.skipif(may_skip(), reason=impossible_here())]

ALLOW = ("host.raylambda.internal:5432", f"{CLUSTER_NODE}:8001")
NODE_NAME = "host.raylambda.internal"


@pytest.fixture(scope="module", params=["root", "ordinary"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def driver(world: World) -> Iterator[Driver]:
    with world.driver(ALLOW) as driver:
        yield driver


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_internet_is_reached(driver: Driver, transport: str) -> None:
    assert driver.guest(driver.slot(), transport, INTERNET, "8000") == INTERNET


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_service_of_the_node_is_reached_when_it_is_allowed(driver: Driver, transport: str) -> None:
    slot = driver.slot()

    assert driver.guest(slot, transport, slot.address_of(NODE_NAME), "5432") == "127.0.0.1"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_other_services_of_the_node_are_refused(driver: Driver, transport: str) -> None:
    slot = driver.slot()
    node = slot.address_of(NODE_NAME)

    refused = {driver.guest(slot, transport, node, port) for port in ("6000", "7000", "22")}

    assert refused <= REFUSED


@pytest.mark.parametrize(
    ("address", "port"),
    [
        (NODE_ADDRESS, "7000"),
        ("198.51.100.255", "7000"),
        (CLUSTER_NODE, "8000"),
        (METADATA, "8000"),
        ("169.254.64.1", "7000"),
        ("169.254.64.2", "7000"),
    ],
)
def test_node_cluster_and_metadata_are_refused(driver: Driver, address: str, port: str) -> None:
    assert driver.guest(driver.slot(), "tcp", address, port) in REFUSED


def test_one_service_of_the_cluster_is_open(driver: Driver) -> None:
    assert driver.guest(driver.slot(), "tcp", CLUSTER_NODE, "8001") == CLUSTER_NODE


def test_loopback_is_the_guests_own(driver: Driver) -> None:
    slot = driver.slot()

    assert driver.guest(slot, "tcp", "127.0.0.1", "5432") == "ECONNREFUSED"
    assert driver.guest(slot, "tcp", "0.0.0.0", "7000") == "ECONNREFUSED"


def test_guests_do_not_reach_each_other(driver: Driver) -> None:
    serving, other = driver.take(2)
    server = driver.start_guest(serving, "serve", "0.0.0.0:8000")
    assert server.stdout is not None
    server.stdout.readline()
    address = own_address(driver, serving)

    assert driver.guest(serving, "tcp", address, "8000") == address
    assert driver.guest(other, "tcp", address, "8000") in REFUSED
    assert driver.guest(other, "udp", address, "8000") in REFUSED


def test_a_guest_cannot_use_anothers_address(driver: Driver) -> None:
    honest, liar = driver.take(2)
    address = own_address(driver, honest)
    enter(driver, liar, "ip", "address", "add", f"{address}/32", "dev", "eth0")

    assert driver.guest(liar, "spoof", own_address(driver, liar), INTERNET, "8000") == INTERNET
    assert driver.guest(liar, "spoof", address, INTERNET, "8000") == "no answer"


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_large_bodies_arrive_whole(driver: Driver, direction: str) -> None:
    assert driver.guest(driver.slot(), direction, INTERNET, "8001", str(50_000_000)) == "50000000"


def test_a_half_closed_connection_still_carries_the_answer(driver: Driver) -> None:
    assert driver.guest(driver.slot(), "half", INTERNET, "8000") == "100000"


def test_a_service_may_be_silent_for_long(driver: Driver) -> None:
    assert driver.guest(driver.slot(), "late", INTERNET, "8002", "26") == "late"


def test_one_socket_has_answers_from_the_node_and_from_the_internet(driver: Driver) -> None:
    slot = driver.slot()

    assert driver.guest(slot, "mixed", slot.address_of(NODE_NAME), "5432", INTERNET, "8000") == f"127.0.0.1 {INTERNET}"


def test_there_is_no_ipv6(driver: Driver) -> None:
    addresses = enter(driver, driver.slot(), "ip", "-6", "address", "show", "dev", "eth0")

    assert addresses == ""


def test_one_guest_cannot_take_all_connections(driver: Driver) -> None:
    greedy, modest = driver.take(2)
    held = driver.start_guest(greedy, "many", INTERNET, "8000", str(CONNECTIONS_PER_GUEST + 50))
    assert held.stdout is not None

    assert int(held.stdout.readline()) == CONNECTIONS_PER_GUEST
    assert driver.guest(modest, "tcp", INTERNET, "8000") == INTERNET
    held.kill()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_names_resolve(driver: Driver, transport: str) -> None:
    slot = driver.slot()

    assert driver.guest(slot, "ask", transport, slot.name_servers[0], "example.com") == INTERNET


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_names_resolve_over_a_resolver_on_the_nodes_loopback(world: World, transport: str) -> None:
    with world.driver(resolv_conf="nameserver 127.0.0.53\n") as driver:
        slot = driver.slot()

        assert driver.guest(slot, "ask", transport, slot.name_servers[0], "example.com") == INTERNET


def test_another_resolver_on_the_nodes_loopback_is_followed(world: World) -> None:
    with world.driver(resolv_conf="nameserver 127.0.0.54\n") as driver:
        slot = driver.slot()
        ask = ("ask", "udp", slot.name_servers[0], "example.com")
        assert driver.guest(slot, *ask) != INTERNET

        driver.resolv_conf.write_text("nameserver 127.0.0.53\n")
        driver.do("refresh")

        until(lambda: driver.guest(slot, *ask) == INTERNET, what="the other resolver answers")


def test_an_allowed_name_is_resolved_by_the_node(world: World) -> None:
    with world.driver(["localhost:5432", "no-such-host.invalid:80"], resolv_conf="nameserver 127.0.0.1\n") as driver:
        slot = driver.slot()

        assert driver.guest(slot, "tcp", slot.address_of(NODE_NAME), "5432") == "127.0.0.1"
        assert driver.do("warnings") == ["no-such-host.invalid of RAYLAMBDA_EGRESS_ALLOW does not resolve."]


def test_a_node_that_joins_the_cluster_is_refused_from_then_on(world: World) -> None:
    with world.driver() as driver:
        slot = driver.slot()
        held = driver.start_guest(slot, "hold", OTHER_NODE, "8000")
        assert held.stdout is not None
        assert held.stdout.readline().strip() == OTHER_NODE

        driver.cluster_file.write_text(f"{CLUSTER_NODE}\n{OTHER_NODE}\n")
        driver.do("refresh")

        assert driver.guest(slot, "tcp", OTHER_NODE, "8000") in REFUSED
        assert held.communicate("go\n")[0].strip() in {"ECONNRESET", "ended"}


def test_an_address_that_the_node_gets_is_refused_at_once(world: World) -> None:
    with world.driver() as driver:
        slot = driver.slot()
        world.node.sh("ip address add 203.0.113.99/32 dev lo")

        until(lambda: driver.guest(slot, "tcp", "203.0.113.99", "7000") in REFUSED, what="the new address is refused")

        world.node.sh("ip address delete 203.0.113.99/32 dev lo")


REFUSED = {"ECONNREFUSED", "EHOSTUNREACH"}


def own_address(driver: Driver, slot: Slot) -> str:
    return enter(driver, slot, "ip", "-brief", "-4", "address", "show", "dev", "eth0").split()[2].partition("/")[0]


def enter(driver: Driver, slot: Slot, *argv: str) -> str:
    """Run a program in a guest's network namespace with the rights of its owner, which no guest has."""
    command = driver.in_network(slot, argv)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

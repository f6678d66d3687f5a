"""What guests may reach: from what the node says to the text of the packet filter."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network

import pytest

from raylambda.node.sandbox.network.rules import (
    NEVER,
    PLANS,
    AddressPlan,
    NodeFacts,
    Service,
    as_networks,
    choose_plan,
    decide,
    guest_hosts,
    guest_resolver_file,
    read_hosts,
    read_look_up,
    read_resolvers,
    read_routes,
    resolver_stub,
    resolver_target,
    ruleset,
)

PLAN = PLANS[0]
LOOPBACK = IPv4Address("127.0.0.1")


def some_facts(own: str = "192.0.2.2/32", resolvers: tuple[str, ...] = ("192.0.2.53",), **hosts: str) -> NodeFacts:
    return NodeFacts(
        own=(IPv4Network(own),),
        resolvers=tuple(map(IPv4Address, resolvers)),
        hosts={name: IPv4Address(address) for name, address in hosts.items()},
    )


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [("db.example:5432", "db.example", 5432), ("LOCALHOST:80", "localhost", 80), ("10.0.0.1:65535", "10.0.0.1", 65535)],
)
def test_an_entry_names_one_service(entry: str, host: str, port: int) -> None:
    assert Service.parse(entry) == Service(host, port)


@pytest.mark.parametrize("entry", ["db", ":80", "db:", "db:0", "db:65536", "db:http", "db:-1", "db:\u0663"])
def test_an_entry_without_host_or_port_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="not host:port"):
        Service.parse(entry)


def test_the_plan_keeps_out_of_networks_in_use() -> None:
    assert choose_plan([]) == PLANS[0]
    assert choose_plan([IPv4Network("169.254.80.0/24")]) == PLANS[1]
    assert choose_plan([IPv4Network("169.254.80.0/24"), IPv4Network("169.254.20.10/32")]) == PLANS[2]
    assert choose_plan([IPv4Network("169.254.0.0/16")]) == PLANS[0]  # every machine with zeroconf has this route


@pytest.mark.parametrize("plan", PLANS)
def test_addresses_of_a_plan_are_distinct_and_never_the_metadata_service(plan: AddressPlan) -> None:
    uplink = plan.own[100]  # the gateway program gives it to us: slirp4netns(1), DESCRIPTION
    ours = [plan.gateway, uplink, plan.node, plan.forwarder, *map(plan.resolver, range(3))]
    guests = [plan.guest(0), plan.guest(plan.guests - 1)]

    assert len({*ours, *guests}) == 9
    assert all(address in plan.network for address in (*ours, *guests))
    assert IPv4Address("169.254.169.254") not in plan.network


def test_routes_tell_own_addresses_and_used_networks() -> None:
    routes = json.dumps(
        [
            {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
            {"dst": "192.0.2.0/24", "dev": "eth0"},
            {"type": "local", "dst": "192.0.2.2", "dev": "eth0", "table": "local"},
            {"type": "broadcast", "dst": "192.0.2.255", "dev": "eth0", "table": "local"},
            {"type": "local", "dst": "127.0.0.0/8", "dev": "lo", "table": "local"},
            {"type": "unreachable", "dst": "10.9.0.0/16"},
        ]
    )

    own, routed = read_routes(routes)

    assert [str(network) for network in own] == ["192.0.2.2/32", "192.0.2.255/32", "127.0.0.0/8"]
    assert [str(network) for network in routed] == ["192.0.2.0/24"]
    assert read_routes("") == ((), ())


def test_a_resolv_conf_gives_ipv4_name_servers_and_the_way_to_look_up() -> None:
    text = "# c\nnameserver fd00::1\nnameserver 10.0.0.53 \nnameserver\nsearch a.example b.example\noptions ndots:2\nnameserver x\n"

    assert read_resolvers(text) == (IPv4Address("10.0.0.53"),)
    assert read_resolvers("nameserver 10.0.0.1\n" * 5) == (IPv4Address("10.0.0.1"),) * 3
    assert read_look_up(text) == ("search a.example b.example", "options ndots:2")


def test_a_hosts_file_gives_the_first_address_of_each_name() -> None:
    text = "127.0.0.1 localhost\n10.0.0.1 DB db.example # a comment\n10.0.0.2 db\n::1 six\n\n#10.0.0.3 no\n"

    expected = {"localhost": LOOPBACK, "db": IPv4Address("10.0.0.1"), "db.example": IPv4Address("10.0.0.1")}
    assert read_hosts(text) == expected


@pytest.mark.parametrize(
    ("resolver", "target"),
    [("192.0.2.53", IPv4Address("192.0.2.53")), ("127.0.0.1", PLAN.node), ("127.0.0.53", PLAN.forwarder)],
)
def test_a_resolver_on_loopback_is_reached_over_the_gateway_program(resolver: str, target: IPv4Address) -> None:
    assert resolver_target(PLAN, IPv4Address(resolver)) == target


def test_only_a_resolver_beside_127_0_0_1_needs_the_forwarder() -> None:
    assert resolver_stub(some_facts(resolvers=("127.0.0.1", "192.0.2.53"))) is None
    assert resolver_stub(some_facts(resolvers=("127.0.0.53",))) == IPv4Address("127.0.0.53")


def test_a_guest_has_as_many_name_servers_as_the_node() -> None:
    facts = NodeFacts(resolvers=(LOOPBACK, IPv4Address("192.0.2.53")), look_up=("search example",))

    text = guest_resolver_file(PLAN, facts)

    assert text == f"nameserver {PLAN.resolver(0)}\nnameserver {PLAN.resolver(1)}\nsearch example\n"


def test_a_guest_knows_the_node_and_open_services_of_the_nodes_hosts_file() -> None:
    facts = some_facts(database="10.0.0.9", here="127.0.1.1", other="10.0.0.8", localhost="127.0.0.1")
    services = [Service(name, 5432) for name in ("database", "here", "localhost", "elsewhere.example")]

    assert guest_hosts(PLAN, facts, services) == {
        "host.raylambda.internal": PLAN.node,
        "database": IPv4Address("10.0.0.9"),
        "here": PLAN.node,
    }


def test_node_and_cluster_are_refused_and_services_of_the_nodes_loopback_open() -> None:
    services = {
        Service("localhost", 5432): [LOOPBACK],
        Service("here", 80): [IPv4Address("127.0.1.1")],
        Service("gone", 1): [],
    }

    policy = decide(PLAN, some_facts(), as_networks(["10.0.0.7", "10.1.0.0/16", "fd00::7"]), services)

    assert {IPv4Network("192.0.2.2"), IPv4Network("10.0.0.7"), IPv4Network("10.1.0.0/16")} < set(policy.refused)
    assert policy.open == ((PLAN.node, 80), (PLAN.node, 5432))


def test_the_rules_hold_the_policy() -> None:
    services = {Service("localhost", 5432): [LOOPBACK]}

    rules = ruleset(decide(PLAN, some_facts(resolvers=("192.0.2.53", "127.0.0.1")), (), services))

    assert "192.0.2.2/32" in rules
    assert "elements = { 169.254.64.2 . 5432 }" in rules
    assert "ip daddr 169.254.64.5 meta l4proto { tcp, udp } th dport 53 dnat ip to 192.0.2.53" in rules
    assert "ip daddr 169.254.64.6 meta l4proto { tcp, udp } th dport 53 dnat ip to 169.254.64.2" in rules
    assert "ip daddr 169.254.64.7 meta l4proto { tcp, udp } th dport 53 dnat ip to 192.0.2.53" in rules
    assert all(str(network) in rules for network in NEVER if network.prefixlen > 4)


def test_without_name_servers_and_services_there_are_no_empty_lists() -> None:
    rules = ruleset(decide(PLAN, some_facts(resolvers=()), (), {}))

    assert "dnat" not in rules.replace("ct status dnat", "")
    assert "{  }" not in rules
    assert "elements = { }" not in rules

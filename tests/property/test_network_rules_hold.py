"""Properties of the network's rules: no fact about a node opens what is to be refused."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from raylambda.node.sandbox.network.pool import Numbers
from raylambda.node.sandbox.network.rules import (
    NEVER,
    PLANS,
    NodeFacts,
    Service,
    choose_plan,
    decide,
    read_hosts,
    read_look_up,
    read_resolvers,
    ruleset,
)

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
networks = st.tuples(addresses, st.integers(8, 32)).map(lambda parts: IPv4Network(parts, strict=False))
services = st.builds(Service, st.text(max_size=20), st.integers(1, 65535))
facts = st.builds(
    NodeFacts,
    own=st.lists(networks, max_size=5).map(tuple),
    routed=st.lists(networks, max_size=5).map(tuple),
    resolvers=st.lists(addresses, max_size=3).map(tuple),
)


@given(
    facts,
    st.lists(networks, max_size=5),
    st.dictionaries(services, st.lists(addresses, max_size=3), max_size=4),
    addresses,
)
def test_what_is_the_nodes_or_the_clusters_is_refused_and_only_named_services_are_open(
    node: NodeFacts, cluster: list[IPv4Network], found: dict[Service, list[IPv4Address]], address: IPv4Address
) -> None:
    policy = decide(PLANS[0], node, cluster, found)

    for network in (*NEVER, *node.own, *cluster):
        assert any(network.subnet_of(refused) for refused in policy.refused)
    if not any(address in network for network in (*NEVER, *node.own, *cluster)):
        assert not any(address in refused for refused in policy.refused)
    assert len(policy.open) <= sum(map(len, found.values()))
    assert {port for _, port in policy.open} == {service.port for service, at in found.items() if at}
    assert not any(target.is_loopback for target, _ in policy.open)


@given(facts, st.dictionaries(services, st.lists(addresses, max_size=3), max_size=4))
def test_no_text_from_outside_gets_into_the_rules(node: NodeFacts, found: dict[Service, list[IPv4Address]]) -> None:
    bare = ruleset(decide(PLANS[0], NodeFacts(), (), {}))

    rules = ruleset(decide(PLANS[0], node, (), found))

    words = set(re.findall(r"[^\s{},;]+", rules)) - set(re.findall(r"[^\s{},;]+", bare))
    assert all(
        re.fullmatch(r"[0-9./]+|elements|=|dnat|ip|to|daddr|th|dport|meta|\"guest\*\"|iifname", word) for word in words
    )


@given(st.lists(networks, max_size=5))
def test_the_chosen_plan_collides_only_when_all_do(taken: list[IPv4Network]) -> None:
    narrow = [network for network in taken if network.prefixlen > 16]

    chosen = choose_plan(taken)

    if any(chosen.network.overlaps(network) for network in narrow):
        assert all(any(plan.network.overlaps(network) for network in narrow) for plan in PLANS)


@given(st.text())
def test_any_file_of_the_node_can_be_read(text: str) -> None:
    assert len(read_resolvers(text)) <= 3
    assert all(isinstance(address, IPv4Address) for address in read_hosts(text).values())
    assert all("\n" not in line for line in read_look_up(text))


@given(st.integers(1, 6), st.lists(st.booleans(), max_size=40))
def test_a_number_is_out_once_at_most(count: int, takes: list[bool]) -> None:
    numbers, out = Numbers(count), []
    for take in takes:
        if take and len(out) < count:
            out.append(numbers.take())
        elif out:
            numbers.give_back(out.pop(0))

        assert len(set(out)) == len(out)
        assert all(0 <= number < count for number in out)

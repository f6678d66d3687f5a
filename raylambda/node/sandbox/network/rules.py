"""What guests may reach: pure rules, from facts about the node to the text of a packet filter.

Refused always: the node's own addresses, the cluster's addresses, loopback, link-local (with the cloud's metadata
service), multicast and reserved ranges, and every other guest. A service that the operator named is open all the same.
Everything else outbound is open. Only IPv4 goes out, as from AWS's own environments outside of a VPC.

All addresses of the project's own side lie in one /18 of the link-local range. Nothing there is routed anywhere, so the
plan cannot hide a network that a function may want to reach, and it needs no agreement between nodes.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from raylambda.node.sandbox.network.contract import NODE_NAME

UPLINK = "up0"
GUEST_LINK = "guest"
"""The interfaces towards guests are this and a number."""

CONNECTIONS_PER_GUEST = 1024
"""One guest cannot use up the connection table of all; AWS gives an environment 1,024 file descriptors."""
PORTS_TO_NODE, PORTS_TO_OTHERS = "32768-46999", "47000-60999"
"""The gateway program has one socket for all datagrams from one port, and takes an answer of the node's loopback for one
of whomever that port last wrote to. So no port writes to both."""

MAX_RESOLVERS = 3
"""What a resolver library reads (resolv.conf(5), MAXNS)."""

NEVER = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata services of most clouds
        "168.63.129.16/32",  # Azure's wire server
        "100.100.100.200/32",  # Alibaba's metadata
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """Who has which address in ``network``, a /18: the first /24 is ours, the rest are guests."""

    network: IPv4Network

    @property
    def own(self) -> IPv4Network:
        """Our part; the gateway program gives the addresses in it that it says it does (slirp4netns(1), DESCRIPTION)."""
        return next(self.network.subnets(new_prefix=24))

    @property
    def gateway(self) -> IPv4Address:
        """The guests' next hop."""
        return self.own[1]

    @property
    def node(self) -> IPv4Address:
        """The gateway program's: what goes there arrives at the node's 127.0.0.1."""
        return self.own[2]

    @property
    def forwarder(self) -> IPv4Address:
        """The gateway program's: DNS queries go to the node's resolver, wherever on loopback it listens."""
        return self.own[3]

    def resolver(self, index: int) -> IPv4Address:
        """What a guest has as its ``index``-th name server."""
        return self.network[5 + index]

    def guest(self, number: int) -> IPv4Address:
        return self.network[256 + number]

    @property
    def guests(self) -> int:
        """How many guests have an address; numbers are below it."""
        return self.network.num_addresses - 256


PLANS = tuple(AddressPlan(IPv4Network(text)) for text in ("169.254.64.0/18", "169.254.0.0/18", "169.254.192.0/18"))


def choose_plan(taken: Iterable[IPv4Network]) -> AddressPlan:
    """The first plan that overlaps with nothing in ``taken``; the first of all when each does."""
    networks = [network for network in taken if network.prefixlen > 16]
    free = (plan for plan in PLANS if not any(plan.network.overlaps(network) for network in networks))
    return next(free, PLANS[0])


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of ``RAYLAMBDA_EGRESS_ALLOW``: ``host`` is a name or an IPv4 address."""

    host: str
    port: int

    @classmethod
    def parse(cls, entry: str) -> Service:
        """Read ``host:port``; raises ``ValueError``."""
        host, _, port = entry.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{entry!r} is not host:port")
        return cls(host.lower(), int(port))

    @property
    def is_node(self) -> bool:
        """Whether it means the node's own loopback, whatever the resolver says."""
        return self.host in {NODE_NAME, "localhost"}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the node says about itself: ``own`` addresses (local and broadcast), ``routed`` networks, its resolvers."""

    own: tuple[IPv4Network, ...] = ()
    routed: tuple[IPv4Network, ...] = ()
    resolvers: tuple[IPv4Address, ...] = ()
    hosts: Mapping[str, IPv4Address] = field(default_factory=dict)
    look_up: tuple[str, ...] = ()
    """The lines of its ``resolv.conf`` that say how to look names up, not where."""


def read_routes(routes_json: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
    """``own`` and ``routed`` networks of ``ip -json -4 route show table all``."""
    routes = [route for route in json.loads(routes_json or "[]") if route.get("dst", "default") != "default"]
    own = tuple(IPv4Network(route["dst"]) for route in routes if route.get("type") in {"local", "broadcast"})
    routed = tuple(IPv4Network(route["dst"]) for route in routes if route.get("type", "unicast") == "unicast")
    return own, routed


def read_resolvers(resolv_conf: str) -> tuple[IPv4Address, ...]:
    """The IPv4 name servers of a ``resolv.conf``, in their order."""
    words = (line.split() for line in resolv_conf.splitlines())
    named = (line[1] for line in words if len(line) > 1 and line[0] == "nameserver")
    return tuple(address for text in named if (address := as_address(text)))[:MAX_RESOLVERS]


def read_look_up(resolv_conf: str) -> tuple[str, ...]:
    """The lines of a ``resolv.conf`` that say how to look names up, not where."""
    return tuple(line for line in resolv_conf.splitlines() if line.split()[:1] in (["search"], ["domain"], ["options"]))


def read_hosts(hosts: str) -> dict[str, IPv4Address]:
    """Names and IPv4 addresses of a ``hosts`` file; the first line that has a name counts."""
    found: dict[str, IPv4Address] = {}
    for line in hosts.splitlines():
        text, *names = line.partition("#")[0].split() or [""]
        if address := as_address(text):
            for name in names:
                found.setdefault(name.lower(), address)
    return found


def as_address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def as_networks(texts: Iterable[str]) -> tuple[IPv4Network, ...]:
    """Addresses or networks as networks; IPv6 is left out, since none goes out."""
    parsed = (ipaddress.ip_network(text, strict=False) for text in texts)
    return tuple(network for network in parsed if isinstance(network, IPv4Network))


@dataclass(frozen=True, slots=True)
class Policy:
    """What is refused and what is open in spite of it; ``resolvers`` as reached from the outbound namespace."""

    plan: AddressPlan
    refused: tuple[IPv4Network, ...]
    open: tuple[tuple[IPv4Address, int], ...]
    resolvers: tuple[IPv4Address, ...]


def decide(
    plan: AddressPlan,
    node: NodeFacts,
    cluster: Sequence[IPv4Network],
    services: Mapping[Service, Sequence[IPv4Address]],
) -> Policy:
    """The policy for these facts; ``services`` maps each open service to the addresses of its host."""
    refused = ipaddress.collapse_addresses([*NEVER, *node.own, *cluster])
    opened = {
        (through_gateway(plan, address), service.port) for service, found in services.items() for address in found
    }
    return Policy(
        plan=plan,
        refused=tuple(refused),
        open=tuple(sorted(opened)),
        resolvers=tuple(resolver_target(plan, address) for address in node.resolvers),
    )


def through_gateway(plan: AddressPlan, address: IPv4Address) -> IPv4Address:
    """Where a guest finds ``address`` of the node's view: the node's loopback has an address of its own in the plan."""
    return plan.node if address.is_loopback or address.is_unspecified else address


def resolver_target(plan: AddressPlan, address: IPv4Address) -> IPv4Address:
    """Where queries to the node's resolver go; one that listens beside 127.0.0.1 is reached over the forwarder."""
    if address.is_loopback and address != IPv4Address("127.0.0.1"):
        return plan.forwarder
    return through_gateway(plan, address)


def resolver_stub(node: NodeFacts) -> IPv4Address | None:
    """The resolver that the gateway program must forward to by itself, if there is one (systemd's 127.0.0.53, say)."""
    plan = PLANS[0]
    return next((found for found in node.resolvers if resolver_target(plan, found) == plan.forwarder), None)


def guest_resolver_file(plan: AddressPlan, node: NodeFacts) -> str:
    """A guest's ``/etc/resolv.conf``: as many name servers as the node has, each under its own address of the plan."""
    servers = [f"nameserver {plan.resolver(index)}" for index in range(len(node.resolvers))]
    return "".join(f"{line}\n" for line in (*servers, *node.look_up))


def guest_hosts(plan: AddressPlan, node: NodeFacts, services: Iterable[Service]) -> dict[str, IPv4Address]:
    """Names for a guest's ``/etc/hosts``: the node, and open services whose names only the node's own file knows."""
    known = {service.host for service in services} & node.hosts.keys() - {"localhost"}
    return {NODE_NAME: plan.node} | {name: through_gateway(plan, node.hosts[name]) for name in sorted(known)}


def ruleset(policy: Policy) -> str:
    """The text for ``nft -f``: replaces all rules of the outbound namespace in one transaction."""
    return "\n".join(_lines(policy)) + "\n"


def _lines(policy: Policy) -> Iterator[str]:
    yield from ("table inet raylambda", "delete table inet raylambda", "table inet raylambda {")
    yield from _set("refused", "ipv4_addr", policy.refused, "flags interval;")
    yield from _set("open", "ipv4_addr . inet_service", [f"{address} . {port}" for address, port in policy.open])
    yield from _set("connections", "ipv4_addr", (), "size 65535; flags dynamic;")
    yield from _chain("resolve", "type nat hook prerouting priority dstnat; policy accept;", _resolve(policy))
    yield from _chain("refuse", "", ("meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"))
    yield from _chain("inwards", "type filter hook input priority filter; policy drop;", _INWARDS)
    yield from _chain("through", "type filter hook forward priority filter; policy drop;", _THROUGH)
    yield from _chain("outwards", "type nat hook postrouting priority srcnat; policy accept;", _outwards(policy.plan))
    yield "}"


def _set(name: str, kind: str, elements: Iterable[object], options: str = "") -> Iterator[str]:
    listed = ", ".join(str(element) for element in elements)
    filled = f" elements = {{ {listed} }}" if listed else ""
    yield f"  set {name} {{ type {kind}; {options}{filled} }}"


def _chain(name: str, head: str, rules: Iterable[str]) -> Iterator[str]:
    yield f"  chain {name} {{ {head}"
    yield from (f"    {rule}" for rule in rules)
    yield "  }"


def _resolve(policy: Policy) -> Iterator[str]:
    """Every name server that a guest may have in its file answers, also after the node's list got shorter."""
    for index in range(MAX_RESOLVERS if policy.resolvers else 0):
        target = policy.resolvers[index % len(policy.resolvers)]
        guests_view = policy.plan.resolver(index)
        yield f'iifname "{GUEST_LINK}*" ip daddr {guests_view} meta l4proto {{ tcp, udp }} th dport 53 dnat ip to {target}'


_INWARDS = (
    'iifname "lo" accept',
    f'iifname "{UPLINK}" ct state established,related accept',
    f'iifname "{GUEST_LINK}*" goto refuse',
)

_THROUGH = (
    f'iifname "{UPLINK}" ct state established,related accept',
    f'iifname != "{GUEST_LINK}*" drop',
    "meta nfproto != ipv4 drop",
    "fib saddr . iif oif missing drop",  # a sender that does not live at this link
    f'oifname != "{UPLINK}" goto refuse',  # another guest
    "ct state invalid drop",
    "meta l4proto != { tcp, udp } goto refuse",
    f"ct state new add @connections {{ ip saddr ct count over {CONNECTIONS_PER_GUEST} }} goto refuse",
    "ct status dnat accept",  # the name servers, see "resolve"
    "meta l4proto { tcp, udp } ip daddr . th dport @open accept",
    "ip daddr @refused goto refuse",  # before "established": an address that is refused from now on
    "accept",
)


def _outwards(plan: AddressPlan) -> Iterator[str]:
    out = f'oifname "{UPLINK}" meta l4proto {{ tcp, udp }}'
    yield f"{out} ip daddr {plan.own} masquerade to :{PORTS_TO_NODE}"
    yield f"{out} masquerade to :{PORTS_TO_OTHERS}"

"""The command lines and shell scripts with which outbound networking is built. Pure: text in, text out.

Scripts for ``inside`` run in the keeper's mount, pid and user namespaces and in the outbound network namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from raylambda.runtime.egress_rules import GUEST_LINK, UPLINK, AddressPlan

NAMESPACES = "/run/netns"
"""In the keeper's own mount namespace, where ``ip`` looks for names."""
OUTBOUND = "outbound"

MTU = 65520
"""The gateway program's own: it turns packets into socket calls, so large ones are cheap."""

KEEP = f"""\
mount -t tmpfs -o mode=0755 raylambda /run
mkdir {NAMESPACES}
: >{NAMESPACES}/{OUTBOUND}
unshare --net mount --bind --no-canonicalize /proc/self/ns/net {NAMESPACES}/{OUTBOUND}
read -r pid _ </proc/self/stat
echo "$pid"
exec cat >/dev/null
"""
"""The keeper: holds the namespaces until its input ends, which is when the host process ends, however it ends.

It tells the number that it has on the node: ``/proc`` is still the node's.
"""


def keeper_argv(own_user: bool) -> tuple[str, ...]:
    """Start the keeper as process 1 of a pid namespace; ``own_user`` when this process may not do so itself."""
    user = ("--user", "--map-root-user") if own_user else ()
    return ("unshare", *user, "--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-ec", KEEP)


def setup_script(plan: AddressPlan) -> str:
    """Prepare the outbound namespace: it forwards IPv4, knows no IPv6, and answers for the guests' next hop."""
    return f"""\
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/ipv6 ]; then echo 1 | tee /proc/sys/net/ipv6/conf/all/disable_ipv6 >/proc/sys/net/ipv6/conf/default/disable_ipv6; fi
ip link set lo up
ip address add {plan.gateway}/32 dev lo
"""


def uplink_argv(plan: AddressPlan, as_root: bool, stub: IPv4Address | None) -> tuple[str, ...]:
    """Start the gateway program; it returns once packets flow, and its worker stays.

    It takes its addresses from the plan and none from the node's interfaces, so the node's networks may come and go. No port
    is forwarded in either direction. ``stub`` is a resolver on loopback that only it can reach.
    """
    user = ("--runas", "0") if as_root else ()
    names = ("--dns-forward", str(plan.forwarder)) if stub else ("-D", "none")
    addresses = ("-a", str(plan.uplink), "-n", "255.255.255.0", "-g", str(plan.node))
    link = ("--config-net", "-I", UPLINK, "-i", "lo", "-M", "02:00:00:00:00:01")
    ports = ("-t", "none", "-u", "none", "-T", "none", "-U", "none")
    target = ("--netns", f"{NAMESPACES}/{OUTBOUND}")
    return (*_with_resolver(stub), "pasta", "--quiet", "-4", *user, *link, *addresses, *names, *ports, *target)


def _with_resolver(stub: IPv4Address | None) -> tuple[str, ...]:
    """The gateway program forwards to what it reads in ``/etc/resolv.conf`` (Debian 12's takes no loopback address as an option)."""
    if stub is None:
        return ()
    script = f'mount -t tmpfs raylambda /etc\necho "nameserver {stub}" >/etc/resolv.conf\nexec "$@"'
    return ("unshare", "--mount", "sh", "-ec", script, "sh")


UPLINK_LIVES = f"ip link show dev {UPLINK} >/dev/null 2>&1"
"""Fails when the gateway program is gone: its interface lives as long as it does."""

CLOSE_UPLINK = f"ip link delete {UPLINK} 2>/dev/null || :"

REPLACE_RULES = "nft -f -"


def send_buffer(node_limit: int) -> int:
    """Bytes that a guest's TCP connection has on their way at most, for a node whose ``net.core.wmem_max`` is ``node_limit``.

    Less than the gateway program's own socket can hold (twice the limit, with overhead): it drops what does not fit, and
    cannot put a stream together again but by time-outs. Measured with 150 MB uploads, four at once, to a receiver near by:
    9 to 93 MB/s and broken connections at the kernel's 4 MB, 93 to 1,013 MB/s and none broken at 512 KB.
    """
    return max(65536, min(524288, node_limit * 5 // 4))


def make_script(plan: AddressPlan, numbers: Sequence[int], send_buffer_bytes: int) -> str:
    """Make a namespace for each number, linked to the outbound one."""
    return "".join(_make_one(plan, number, send_buffer_bytes) for number in numbers)


def _make_one(plan: AddressPlan, number: int, send_buffer_bytes: int) -> str:
    name, address = guest_name(number), plan.guest(number)
    return f"""\
ip -batch - <<'END'
netns add {name}
link add {name} mtu {MTU} type veth peer name eth0 mtu {MTU} netns {name}
link set {name} up
route add {address}/32 dev {name}
END
nsenter --net={NAMESPACES}/{name} sh -ec 'echo "4096 16384 {send_buffer_bytes}" >/proc/sys/net/ipv4/tcp_wmem; exec ip -batch -' <<'END'
link set lo up
link set eth0 addrgenmode none
link set eth0 up
address add {address}/32 dev eth0
route add {plan.gateway} dev eth0
route add default via {plan.gateway} dev eth0
END
"""


def drop_script(plan: AddressPlan, numbers: Iterable[int]) -> str:
    """Cut guests off and forget their namespaces; what is gone already does not matter.

    Without its route a guest is a stranger to the rules, so it is cut off at once, also if a process is left in there.
    The kernel removes the link with the namespace, many at a time; ``ip link delete`` would hold its lock for 20 ms each.
    """
    return "".join(_drop_one(plan, number) for number in numbers)


def _drop_one(plan: AddressPlan, number: int) -> str:
    return f"""\
ip route delete {plan.guest(number)}/32 2>/dev/null || :
ip netns delete {guest_name(number)} 2>/dev/null || :
"""


def guest_name(number: int) -> str:
    """The name of a guest's namespace, and of its link in the outbound namespace."""
    return f"{GUEST_LINK}{number}"

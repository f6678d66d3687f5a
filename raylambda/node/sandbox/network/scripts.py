"""The command lines and shell scripts with which outbound networking is built. Pure: text in, text out.

Scripts for ``inside`` run in the holder's mount, pid and user namespaces and in the outbound network namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from raylambda.node.sandbox.network.rules import GUEST_LINK, UPLINK, AddressPlan

NAMESPACES = "/run/netns"
"""In the holder's own mount namespace, where ``ip`` looks for names."""
OUTBOUND = "outbound"
UPLINK_SAYS = "/run/uplink"
"""What the gateway program writes; the folder is too small to let it fill the memory."""
UPLINK_ETC = "/run/etc"
"""The gateway program's ``/etc``."""

MTU = 65520
"""The gateway program's own: it turns packets into socket calls, so large ones are cheap."""

HOLD = f"""\
mount -t tmpfs -o mode=0755,size=1m raylambda /run
mkdir {NAMESPACES} {UPLINK_ETC}
: >{NAMESPACES}/{OUTBOUND}
unshare --net mount --bind --no-canonicalize /proc/self/ns/net {NAMESPACES}/{OUTBOUND}
read -r pid _ </proc/self/stat
echo "$pid"
exec cat >/dev/null
"""
"""The holder: holds the namespaces until its input ends, which is when the host process ends, however it ends.

It tells the number that it has on the node: ``/proc`` is still the node's.
"""


def holder_argv(own_user: bool) -> tuple[str, ...]:
    """Start the holder as process 1 of a pid namespace; ``own_user`` when this process may not do so itself."""
    user = ("--user", "--map-root-user") if own_user else ()
    return ("unshare", *user, "--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-ec", HOLD)


def setup_script(plan: AddressPlan) -> str:
    """Prepare the outbound namespace: it forwards IPv4, knows no IPv6, and answers for the guests' next hop."""
    return f"""\
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/ipv6 ]; then echo 1 | tee /proc/sys/net/ipv6/conf/all/disable_ipv6 >/proc/sys/net/ipv6/conf/default/disable_ipv6; fi
ip link set lo up
ip address add {plan.gateway}/32 dev lo
"""


def uplink_script(plan: AddressPlan) -> str:
    """Start the gateway program; it returns once packets flow, and the program stays.

    It takes its addresses from the plan and none from the node's interfaces, so the node's networks may come and go. No port
    is forwarded in either direction. Once it is set up it keeps no right of root's but to bind low ports, few system calls,
    and sees no file of the node.

    For each connection it allocates two buffers of 128 KiB and uses little of them. glibc would soon take them from its heap,
    all resident and never given back; the threshold keeps them apart. Measured with 4,600 idle connections: 1,210 MB without
    it, 70 MB with it.
    """
    return f"""\
mount --bind {UPLINK_ETC} /etc
ulimit -n "$(ulimit -Hn)"
ready=$(MALLOC_MMAP_THRESHOLD_=65536 slirp4netns --configure --mtu={MTU} --cidr={plan.own} --enable-sandbox --enable-seccomp \\
  --netns-type=path --ready-fd=3 {NAMESPACES}/{OUTBOUND} {UPLINK} 3>&1 >{UPLINK_SAYS} 2>&1 &)
[ "$ready" = 1 ] || {{ cat {UPLINK_SAYS} >&2; exit 1; }}
"""


def resolver_script(stub: IPv4Address | None) -> str:
    """Tell the gateway program, which looks every second, where the forwarder's queries go: to a resolver on loopback."""
    return f"echo '{f'nameserver {stub}' if stub else ''}' >{UPLINK_ETC}/resolv.conf"


UPLINK_LIVES = f"ip link show dev {UPLINK} >/dev/null 2>&1"
"""Fails when the gateway program is gone: its interface lives as long as it does."""

REPLACE_RULES = "nft -f -"


def make_script(plan: AddressPlan, numbers: Sequence[int]) -> str:
    """Make a namespace for each number, linked to the outbound one."""
    return "".join(_make_one(plan, number) for number in numbers)


def _make_one(plan: AddressPlan, number: int) -> str:
    name, address = guest_name(number), plan.guest(number)
    return f"""\
ip -batch - <<'END'
netns add {name}
link add {name} mtu {MTU} type veth peer name eth0 mtu {MTU} netns {name}
link set {name} up
route add {address}/32 dev {name}
END
ip -netns {name} -batch - <<'END'
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
    return "".join(
        f"ip route delete {plan.guest(number)}/32 2>/dev/null || :\nip netns delete {guest_name(number)} 2>/dev/null || :\n"
        for number in numbers
    )


def guest_name(number: int) -> str:
    """The name of a guest's namespace, and of its link in the outbound namespace."""
    return f"{GUEST_LINK}{number}"

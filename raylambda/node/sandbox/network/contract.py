"""The contract of a jail's network, and its two simple implementations: none, and the node's own.

A ``Network`` hands out *slots*. A slot says how a jail gets its network:

* ``argv_prefix`` goes before the jail's own command line and enters a network namespace that was made for this one guest.
  Under an ordinary user it enters the user namespace that owns that network too: the jail's program then starts as that
  namespace's uid 0 and must give up its capabilities (a nested ``--unshare-user`` does that).
* ``unshare``: the jail makes a network namespace of its own, empty but for loopback. False when the prefix has entered one,
  or when the guest is to share the node's network.
* ``private``: the guest's loopback is its own, so that every guest can use the same port. False for the node's network.
* ``files`` are what the jail shows at these paths (``/etc/resolv.conf``, ``/etc/hosts``), as text, read-only.

Promises of every implementation:

* ``take`` gives a slot that no other guest has had; it raises ``NetworkUnavailable`` when none can be made.
* A slot is valid until ``give_back``, which frees its namespace even if a process of the guest is left over in it, and
  may be called twice.
* ``close`` frees everything, may be called twice, and leaves nothing behind; neither does the death of the process.
* The node's own firewall, routes and kernel settings are never changed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, Protocol

NODE_NAME = "host.raylambda.internal"
"""The name under which a guest reaches services on the node's own loopback."""

RESOLVER_FILE = "/etc/resolv.conf"
HOSTS_FILE = "/etc/hosts"


class NetworkUnavailable(Exception):
    """This node cannot give guests the network asked for; one line that says what is missing and the way out."""


@dataclass(frozen=True, slots=True)
class NetworkSlot:
    """How one guest gets its network; see the module's text."""

    slot_id: str
    argv_prefix: tuple[str, ...] = ()
    unshare: bool = True
    private: bool = True
    files: Mapping[str, str] = field(default_factory=dict)


class Network(Protocol):
    """Hands out networks to guests. All methods are called from one event loop."""

    async def take(self) -> NetworkSlot: ...

    async def give_back(self, slot: NetworkSlot) -> None: ...

    async def close(self) -> None: ...

    def measures(self) -> tuple[str, ...]:
        """What is in force, in short words for people."""
        ...

    def warnings(self) -> tuple[str, ...]:
        """What is weaker than it could be, one sentence each."""
        ...


class NoNetwork:
    """Guests have a loopback of their own and nothing else; the jail makes the empty namespace by itself."""

    async def take(self) -> NetworkSlot:
        return NetworkSlot(_new_id(), files={RESOLVER_FILE: "", HOSTS_FILE: hosts_file({})})

    async def give_back(self, slot: NetworkSlot) -> None:
        """The namespace goes with the jail."""

    async def close(self) -> None:
        """Nothing is held."""

    def measures(self) -> tuple[str, ...]:
        return ("no network",)

    def warnings(self) -> tuple[str, ...]:
        return ()


class HostNetwork:
    """Guests share the node's network and see all that the node sees: weaker, and said so."""

    def __init__(self, resolver_file: Path = Path(RESOLVER_FILE), hosts_path: Path = Path(HOSTS_FILE)) -> None:
        self._resolver_file, self._hosts_path = resolver_file, hosts_path

    async def take(self) -> NetworkSlot:
        resolver, hosts = await asyncio.to_thread(lambda: (text_of(self._resolver_file), text_of(self._hosts_path)))
        files = {RESOLVER_FILE: resolver, HOSTS_FILE: f"{hosts.rstrip()}\n127.0.0.1 {NODE_NAME}\n"}
        return NetworkSlot(_new_id(), unshare=False, private=False, files=files)

    async def give_back(self, slot: NetworkSlot) -> None:
        """The node keeps its network."""

    async def close(self) -> None:
        """Nothing is held."""

    def measures(self) -> tuple[str, ...]:
        return ("the node's own network",)

    def warnings(self) -> tuple[str, ...]:
        return (
            "Functions share the node's network (RAYLAMBDA_NETWORK=host): they reach its loopback, the cluster and each other.",
        )


def hosts_file(names: Mapping[str, IPv4Address]) -> str:
    """The text of a guest's ``/etc/hosts``: loopback, then ``names`` (name to address)."""
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in names.items())]
    return "\n".join(lines) + "\n"


def text_of(path: Path) -> str:
    """What a file of the node's configuration says; a file that is missing says nothing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


_numbers: Final = itertools.count(1)


def _new_id() -> str:
    """A slot's name, where nothing but the guest's own jail stands behind it."""
    return f"slot-{next(_numbers)}"

"""What the node and the operator say, read afresh each time: routes, resolvers, host names, and when addresses change."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from raylambda.node.sandbox.network.contract import HOSTS_FILE, RESOLVER_FILE, NetworkUnavailable, text_of
from raylambda.node.sandbox.network.rules import (
    NodeFacts,
    Service,
    as_address,
    read_hosts,
    read_look_up,
    read_resolvers,
    read_routes,
)

ClusterAddresses = Callable[[], Sequence[str]]
"""Addresses or networks of the cluster's nodes; called in a thread, each time that facts are read."""

RESOLVE_TIMEOUT_S = 5.0
_RTMGRP_IPV4_IFADDR = 0x10  # rtnetlink(7)


class Node:
    """Reads the node on which this process runs."""

    def __init__(
        self, path: str, resolver_file: Path = Path(RESOLVER_FILE), hosts_file: Path = Path(HOSTS_FILE)
    ) -> None:
        self._environ = {"PATH": path, "LC_ALL": "C"}
        self._resolver_file, self._hosts_file = resolver_file, hosts_file

    async def facts(self) -> NodeFacts:
        """Raises ``NetworkUnavailable`` when the routes cannot be read."""
        own, routed = read_routes(await self._routes())
        resolvers, hosts = await asyncio.to_thread(lambda: (text_of(self._resolver_file), text_of(self._hosts_file)))
        return NodeFacts(own, routed, read_resolvers(resolvers), read_hosts(hosts), read_look_up(resolvers))

    async def _routes(self) -> str:
        """All tables: the local one lists every address that this node answers to, and all broadcasts."""
        argv = ("ip", "-json", "-4", "route", "show", "table", "all")
        # In a thread: asyncio's own subprocesses need the main thread's signals, and a Ray actor's loop is not there.
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, env=self._environ, check=False)
        if done.returncode:
            raise NetworkUnavailable("The node's own addresses cannot be read (`ip route show table all` fails).")
        return done.stdout.decode()


class Resolver:
    """Finds the addresses of open services, and keeps what it last found for a name that does not resolve now."""

    def __init__(self) -> None:
        self._found: dict[Service, tuple[IPv4Address, ...]] = {}

    async def resolve(self, services: Iterable[Service]) -> dict[Service, tuple[IPv4Address, ...]]:
        """Each service with its addresses; none when it has never been found."""
        wanted = list(services)
        for service, found in zip(wanted, await asyncio.gather(*map(addresses_of, wanted)), strict=True):
            self._found[service] = found or self._found.get(service, ())
        return {service: self._found[service] for service in wanted}


async def addresses_of(service: Service) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses of a service's host in the node's view; none when the name is unknown."""
    if service.is_node:
        return (IPv4Address("127.0.0.1"),)
    if address := as_address(service.host):
        return (address,)
    asked = asyncio.get_running_loop().getaddrinfo(service.host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    try:
        answers = await asyncio.wait_for(asked, RESOLVE_TIMEOUT_S)
    except (OSError, UnicodeError, TimeoutError):
        return ()
    return tuple(sorted({IPv4Address(str(answer[4][0])) for answer in answers}))


class AddressWatch:
    """Calls ``changed`` in the event loop when the node gets or loses an address."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)
        self._socket.bind((0, _RTMGRP_IPV4_IFADDR))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        """What the message says does not matter (nor that some were lost): everything is read again."""
        try:
            os.read(self._socket.fileno(), 65536)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: too many at once
            self._changed()
            return
        self._changed()

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

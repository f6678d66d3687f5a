"""Outbound network for guests: out to the world, not to the node, not to the cluster, not to each other.

One per host process. A holder (``holder.py``) holds an *outbound* network namespace, and one gateway program
(``slirp4netns``) carries its packets out as ordinary sockets of the node. Each guest has a network namespace of its own, linked
to the outbound one by a veth pair and a route of one address; there is no bridge, so that guests have no common link, and
a packet with another guest's address is recognised by the link that it came from. Packet filter rules (``rules.py``)
in the outbound namespace decide what passes. Nothing of this is visible in the node's own network.

::

    guest namespaces        outbound namespace                  node
    eth0 -- guest0 -+
    eth0 -- guest1 -+- rules, masquerade - up0 -- slirp4netns -- sockets
    eth0 -- guest2 -+

Facts change: addresses come and go, names resolve differently, cluster nodes join. All facts are read again when the
node's addresses change and every ``refresh_s``, and the rules are replaced when they would read differently.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raylambda.node.sandbox.network import scripts
from raylambda.node.sandbox.network.contract import (
    HOSTS_FILE,
    RESOLVER_FILE,
    NetworkSlot,
    NetworkUnavailable,
    hosts_file,
)
from raylambda.node.sandbox.network.holder import (
    NamespaceHolder,
    check_programs,
    check_tunnel,
    may_administer,
    program_path,
)
from raylambda.node.sandbox.network.node import AddressWatch, ClusterAddresses
from raylambda.node.sandbox.network.outbound import Outbound
from raylambda.node.sandbox.network.pool import LinkPool, Numbers
from raylambda.node.sandbox.network.rules import Service, guest_hosts, guest_resolver_file

_log = logging.getLogger(__name__)


def no_cluster() -> Sequence[str]:
    """The cluster is this node."""
    return ()


@dataclass(frozen=True, slots=True)
class _Link:
    """A guest's namespace that has been made; it ends with its holder."""

    holder: NamespaceHolder
    number: int


class EgressNetwork:
    """See the module's text; ``open`` makes one."""

    def __init__(self, outbound: Outbound, pool_size: int, refresh_s: float) -> None:
        """``outbound`` has been started."""
        self._outbound, self._refresh_s = outbound, refresh_s
        self._numbers = Numbers(outbound.plan.guests)
        self._pool: LinkPool[_Link] = LinkPool(self._make, pool_size)
        self._out: dict[str, _Link] = {}
        self._trouble, self._closed = "", False
        self._changed = asyncio.Event()
        self._watch = AddressWatch(self._changed.set)
        self._refresher = asyncio.get_running_loop().create_task(self._keep_fresh())
        self._pool.fill()

    @classmethod
    async def open(
        cls,
        allow: Sequence[str] = (),
        cluster: ClusterAddresses = no_cluster,
        *,
        pool_size: int = 4,
        refresh_s: float = 30.0,
    ) -> EgressNetwork:
        """Build the outbound namespace and begin to fill the pool.

        ``allow`` has entries ``host:port`` (``ValueError`` for one that is not). Raises ``NetworkUnavailable``, and then
        leaves nothing behind.
        """
        services = [Service.parse(entry) for entry in allow]
        path = program_path()
        check_programs(path)
        check_tunnel()
        own_user = not may_administer(await asyncio.to_thread(Path("/proc/self/status").read_text))
        outbound = Outbound(services, cluster, path, own_user)
        await outbound.start()
        return cls(outbound, pool_size, refresh_s)

    async def take(self) -> NetworkSlot:
        """A slot that no other guest has had, ready at once while the pool lasts; raises ``NetworkUnavailable``."""
        link = await self._pool.take()
        while not link.holder.alive:
            self._numbers.give_back(link.number)
            link = await self._pool.take()
        slot = self._slot(link)
        self._out[slot.slot_id] = link
        return slot

    def _slot(self, link: _Link) -> NetworkSlot:
        plan, facts = self._outbound.plan, self._outbound.picture.facts
        return NetworkSlot(
            slot_id=scripts.guest_name(link.number),
            argv_prefix=link.holder.guest_prefix(link.number),
            unshare=False,
            files={
                RESOLVER_FILE: guest_resolver_file(plan, facts),
                HOSTS_FILE: hosts_file(guest_hosts(plan, facts, self._outbound.services)),
            },
        )

    async def _make(self, count: int) -> list[_Link]:
        """So many links; in a new outbound namespace when the old one dies meanwhile."""
        holder = await self._outbound.living()
        try:
            return await self._make_in(holder, count)
        except NetworkUnavailable:
            if holder.alive:
                raise
        return await self._make_in(await self._outbound.living(), count)

    async def _make_in(self, holder: NamespaceHolder, count: int) -> list[_Link]:
        plan = self._outbound.plan
        numbers = [self._numbers.take() for _ in range(count)]
        try:
            await holder.inside(scripts.make_script(plan, numbers))
        except BaseException:
            await self._drop(holder, numbers)
            raise
        return [_Link(holder, number) for number in numbers]

    async def give_back(self, slot: NetworkSlot) -> None:
        link = self._out.pop(slot.slot_id, None)
        if link is not None:
            await self._drop(link.holder, [link.number])

    async def _drop(self, holder: NamespaceHolder, numbers: Sequence[int]) -> None:
        """With a dead holder its namespaces are gone already."""
        try:
            if holder.alive:
                await holder.inside(scripts.drop_script(self._outbound.plan, numbers))
        except NetworkUnavailable as error:
            _log.warning("a guest's network was not taken down: %s", error)
        for number in numbers:
            self._numbers.give_back(number)

    async def _keep_fresh(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._refresh_s)
            self._changed.clear()
            await self.refresh()

    async def refresh(self) -> None:
        """Read all facts again and follow them; a failure is logged and shown, and the rules stay as they were."""
        try:
            await self._outbound.refresh()
            self._trouble = ""
        except Exception as error:  # whatever it is, the next time may succeed
            self._trouble = f"Network rules could not be brought up to date: {error}"
            _log.warning("%s", self._trouble)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._refresher.cancel()
        await asyncio.wait([self._refresher])
        self._watch.close()
        await self._pool.close(NetworkUnavailable("Outbound networking is closed."))
        await self._outbound.close()
        self._out.clear()

    def measures(self) -> tuple[str, ...]:
        return ("outbound IPv4 only: the node, the cluster, link-local and other functions are refused",)

    def warnings(self) -> tuple[str, ...]:
        """What does not work as asked for, one sentence each."""
        picture = self._outbound.picture
        found = [f"{name} of RAYLAMBDA_EGRESS_ALLOW does not resolve." for name in picture.unresolved()]
        if not picture.policy.resolvers:
            found.append("Functions have no name server: the node's resolv.conf names none with an IPv4 address.")
        return (*found, *filter(None, [self._trouble]))

"""The outbound namespace of one host process, kept alive and in accordance with the facts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from raylambda.node.sandbox.network import scripts
from raylambda.node.sandbox.network.contract import NetworkUnavailable
from raylambda.node.sandbox.network.holder import NamespaceHolder
from raylambda.node.sandbox.network.node import ClusterAddresses, Node, Resolver
from raylambda.node.sandbox.network.rules import (
    AddressPlan,
    NodeFacts,
    Policy,
    Service,
    as_networks,
    choose_plan,
    decide,
    resolver_stub,
    ruleset,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """What was known when the rules were last made."""

    facts: NodeFacts
    found: Mapping[Service, Sequence[IPv4Address]]
    policy: Policy

    def unresolved(self) -> list[str]:
        return sorted({service.host for service, addresses in self.found.items() if not addresses})


@dataclass(slots=True)
class _Running:
    """One holder with the rules that are loaded in it."""

    holder: NamespaceHolder
    rules: str = field(repr=False)
    stub: IPv4Address | None


class Outbound:
    """Starts the holder, its rules and the gateway program, again when they have died, and replaces rules by new facts."""

    def __init__(self, services: Sequence[Service], cluster: ClusterAddresses, path: str, own_user: bool) -> None:
        self.services, self._cluster, self._path = tuple(services), cluster, path
        self._node, self._resolver = Node(path), Resolver()
        self._own_user = own_user
        self._changing = asyncio.Lock()
        self._running: _Running | None = None
        self._closed = False

    async def start(self) -> None:
        """Raises ``NetworkUnavailable``, and then leaves nothing behind."""
        facts = await self._node.facts()
        taken = [*facts.routed, *(IPv4Network(address) for address in facts.resolvers)]
        self.plan: AddressPlan = choose_plan(taken)
        self.picture = await self._look()
        await self.living()

    async def _look(self) -> Picture:
        facts = await self._node.facts()
        cluster = as_networks(await asyncio.to_thread(self._cluster))
        found = await self._resolver.resolve(self.services)
        return Picture(facts, found, decide(self.plan, facts, cluster, found))

    async def living(self) -> NamespaceHolder:
        """The holder; a new one, with new rules, when the last one has died. Raises ``NetworkUnavailable``."""
        async with self._changing:
            if self._closed:
                raise NetworkUnavailable("Outbound networking is closed.")
            if self._running is None or not self._running.holder.alive:
                self._running = await self._build()
            return self._running.holder

    async def _build(self) -> _Running:
        if self._running is not None:
            _log.warning("the holder of outbound networking has died; guests that run have no network from now on")
            await self._running.holder.close()
        holder = await NamespaceHolder.start(self._path, self._own_user)
        try:
            return await self._furnish(holder)
        except BaseException:
            await holder.close()
            raise

    async def _furnish(self, holder: NamespaceHolder) -> _Running:
        """Rules first: no packet ever goes out without them."""
        await holder.inside(scripts.setup_script(self.plan))
        running = _Running(holder, ruleset(self.picture.policy), resolver_stub(self.picture.facts))
        await holder.inside(scripts.REPLACE_RULES, running.rules)
        await holder.inside(scripts.resolver_script(running.stub))
        await holder.outside(scripts.uplink_script(self.plan))
        return running

    async def refresh(self) -> None:
        """Read all facts again and carry out what they change; raises ``NetworkUnavailable``, the old rules then stay."""
        await self.living()
        async with self._changing:
            self.picture = await self._look()
            if self._running is not None:
                rules = ruleset(self.picture.policy)
                if rules != self._running.rules:
                    await self._running.holder.inside(scripts.REPLACE_RULES, rules)
                    self._running.rules = rules
                await self._mend_uplink(self._running)

    async def _mend_uplink(self, running: _Running) -> None:
        """Start the gateway program again when it has died; tell it when the node has another resolver on loopback."""
        stub = resolver_stub(self.picture.facts)
        if stub != running.stub:
            await running.holder.inside(scripts.resolver_script(stub))
            running.stub = stub
        try:
            await running.holder.inside(scripts.UPLINK_LIVES)
        except NetworkUnavailable:
            await running.holder.outside(scripts.uplink_script(self.plan))

    async def close(self) -> None:
        """Ends the holder and all that it holds."""
        self._closed = True
        async with self._changing:
            if self._running is not None:
                await self._running.holder.close()

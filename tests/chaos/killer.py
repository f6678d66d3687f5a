"""Kills at random: runtimes, hosts and nodes, by a seed; in long runs hosts freeze, too.

Remembers what it killed, so that a test can look for what is left.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from raylambda.testing.processes import Process
from tests.cluster.nodes import Nodes
from tests.cluster.world import World, everything_of, runtimes

RUNTIME, HOST, NODE, FROZEN = "runtime", "host", "node", "frozen host"
_EVERY_S = 1.5
_LONG_S = 60.0
"""A frozen host counts as lost after half a minute."""


@dataclass(frozen=True)
class LostHost:
    """A host that was killed, alone or with its node."""

    host_id: str
    process: Process
    below: tuple[Process, ...]


class Killer:
    """``kills`` counts by kind. Kills come as a Poisson process; the first three are one of each kind."""

    def __init__(self, world: World, nodes: Nodes, seed: int) -> None:
        self._world = world
        self._nodes = nodes
        self._chance = Random(seed)
        self.kills: Counter[str] = Counter()
        self.runtimes: list[Process] = []
        self.hosts: list[LostHost] = []

    def rage(self, seconds: float) -> None:
        """Kill for so long, and until there was one kill of each kind."""
        until = time.monotonic() + seconds
        first = self._chance.sample([RUNTIME, HOST, NODE], 3)
        kill: dict[str, Callable[[], None]] = {
            RUNTIME: self._runtime,
            HOST: self._host,
            NODE: self._node,
            FROZEN: self._freeze,
        }
        weights = [12, 6, 2, 1 if seconds >= _LONG_S else 0]
        while first or time.monotonic() < until:
            time.sleep(self._chance.expovariate(1 / _EVERY_S))
            kill[first.pop() if first else self._chance.choices(list(kill), weights)[0]]()

    def _runtime(self) -> None:
        found = [process for host in self._world.hosts() for process in runtimes(host["pid"])]
        if found:
            victim = self._chance.choice(found)
            victim.kill()
            self.runtimes.append(victim)
            self.kills[RUNTIME] += 1

    def _host(self) -> None:
        hosts = self._world.hosts()
        if hosts:
            lost = _lost(self._chance.choice(hosts))
            self.hosts.append(lost)
            lost.process.kill()
            self.kills[HOST] += 1

    def _freeze(self) -> None:
        hosts = self._world.hosts()
        if hosts:
            lost = _lost(self._chance.choice(hosts))
            self.hosts.append(lost)
            lost.process.freeze()
            self.kills[FROZEN] += 1

    def _node(self) -> None:
        node_id = self._chance.choice(sorted(self._nodes.ids))
        self.hosts += [_lost(host) for host in self._world.hosts() if host["node_id"] == node_id]
        self._nodes.kill(node_id)
        self.kills[NODE] += 1
        self._nodes.add()


def _lost(host: dict[str, Any]) -> LostHost:
    process, *below = everything_of(host["pid"])
    return LostHost(host["host_id"], process, tuple(below))

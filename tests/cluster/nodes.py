"""A Ray cluster of several nodes in one machine, whose nodes can be taken away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

_MIB = 1024 * 1024
_OBJECT_STORE_BYTES = 100 * _MIB

# Ray's own values (5 failures, 3 s apart, each after 10 s) take 15 s to notice a node whose processes are gone, and a minute
# for one that is silent. Until then Ray may place new hosts on it.
_NOTICE_LOST_NODES = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 5000,
    "health_check_failure_threshold": 3,
}


class Nodes:
    """A head that takes no hosts, and nodes that do; each node has room for one host of ``memory_mb``.

    ``home`` is the home directory of the nodes' processes, where hosts keep their state.
    """

    def __init__(self, cluster: Cluster, memory_mb: int, home: Path) -> None:
        self._cluster = cluster
        self.memory_mb = memory_mb
        self._nodes: dict[str, Any] = {}
        self.home = home

    @property
    def address(self) -> str:
        """What ``RAYLAMBDA_RAY_ADDRESS`` takes."""
        return str(self._cluster.address)

    @property
    def ids(self) -> frozenset[str]:
        """The nodes that take hosts."""
        return frozenset(self._nodes)

    def add(self) -> str:
        """Start one more node and return its id."""
        node = self._cluster.add_node(
            num_cpus=1,
            memory=self.memory_mb * _MIB,
            object_store_memory=_OBJECT_STORE_BYTES,
            env_vars=_with_home(self.home),
        )
        self._nodes[node.node_id] = node
        return str(node.node_id)

    def kill(self, node_id: str) -> None:
        """Kill the node's Ray processes; its workers, and so its hosts, find that out and end."""
        self._cluster.remove_node(self._nodes.pop(node_id), allow_graceful=False)


@contextmanager
def ray_nodes(count: int, memory_mb: int, home: Path) -> Iterator[Nodes]:
    """Start a head and ``count`` nodes; all are ended afterwards."""
    head = {
        "num_cpus": 0,
        "memory": _OBJECT_STORE_BYTES,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
        "_system_config": _NOTICE_LOST_NODES,
    }
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = Nodes(cluster, memory_mb, home)
        for _ in range(count):
            nodes.add()
        yield nodes
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def _with_home(home: Path) -> dict[str, str]:
    """Another home, and the interpreters of the real one."""
    pyenv = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    return {"HOME": str(home), "PYENV_ROOT": pyenv}

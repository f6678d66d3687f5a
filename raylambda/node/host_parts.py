"""What a host is made with, and what it stands on: settings that travel to its node, and the parts that are gathered there.

With ``host_actor.py`` the only file of ``node`` that knows Ray: which node this is, who else is in the cluster, which GPUs are ours.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import ray

from raylambda.model.clock import Clock, SystemClock
from raylambda.model.limits import INIT_TIMEOUT_S
from raylambda.node.environment.timers import LoopTimers, Timers
from raylambda.node.host_folder import HostFolder
from raylambda.node.launch import LaunchSettings
from raylambda.node.runtime_env import compile_packages, runtime_env_packages
from raylambda.node.runtimes.catalog import Catalog
from raylambda.node.runtimes.plan import View
from raylambda.node.sandbox.contract import Sandbox
from raylambda.node.sandbox.selection import make_sandbox
from raylambda.node.trees.code_trees import CodeTrees


@dataclass(frozen=True)
class HostSettings:
    """What a host is made with; it travels to the host's node.

    ``state_dir`` is a directory on that node (``~`` is its user's home): unpacked packages below it are shared by its hosts,
    and what belongs to this host alone is removed when it closes. Packages that nobody uses go when all take more than
    ``cache_mb``. An empty ``node_id`` is asked of Ray.
    """

    host_id: str
    state_dir: Path
    isolation: str = "jail"
    network: str = "egress"
    egress_allow: tuple[str, ...] = ()
    function_env: Mapping[str, str] = field(default_factory=dict)
    runtimes: Mapping[str, str] = field(default_factory=dict)
    node_id: str = ""
    cache_mb: int = 10_240
    init_timeout_s: float = INIT_TIMEOUT_S
    poll_s: float = 1.5
    batch_s: float = 0.1

    @property
    def own_dir(self) -> Path:
        """What this host alone writes to."""
        return self.state_dir.expanduser() / "hosts" / self.host_id

    @property
    def code_dir(self) -> Path:
        """The unpacked packages of the node."""
        return self.state_dir.expanduser() / "code"


@dataclass(frozen=True)
class HostParts:
    """What a host stands on; tests give fakes. ``folder`` goes with the host."""

    sandbox: Sandbox
    trees: CodeTrees
    catalog: Catalog
    node_id: str
    folder: HostFolder | None = None
    launching: LaunchSettings = field(default_factory=LaunchSettings)
    clock: Clock = field(default_factory=SystemClock)
    timers: Timers = field(default_factory=LoopTimers)


async def gather_parts(settings: HostSettings) -> HostParts:
    """The real ones, as this node has them; raises ``SandboxError`` when it cannot isolate as asked."""
    folder = await asyncio.to_thread(HostFolder.take, settings.own_dir)
    packages = runtime_env_packages(sys.path)
    await asyncio.to_thread(compile_packages, packages)
    return HostParts(
        sandbox=await make_sandbox(
            settings.isolation, settings.network, settings.egress_allow, folder.path, _cluster_addresses
        ),
        folder=folder,
        trees=CodeTrees(settings.code_dir, settings.cache_mb << 20),
        catalog=Catalog(settings.runtimes),
        node_id=settings.node_id or ray.get_runtime_context().get_node_id(),
        launching=LaunchSettings(
            view=View.PLAIN if settings.isolation == "process" else View.JAIL,
            function_env=settings.function_env,
            packages=packages,
            gpu_ids=tuple(str(number) for number in ray.get_gpu_ids()) if ray.is_initialized() else (),
        ),
    )


def _cluster_addresses() -> list[str]:
    """The nodes of the cluster, which functions may not reach."""
    if not ray.is_initialized():
        return []
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["NodeManagerAddress"] for node in nodes if node["Alive"]]

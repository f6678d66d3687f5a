"""The host: the plain class that ``boot`` makes a Ray actor of, and that holds the environments of one slice of a node.

Its methods are the far side of ``scheduling.ports.Host``. All run in one event loop; an environment's work is never in the
way of another's for longer than one of its callbacks.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import ray

from raylambda.artifacts.archive import BadZip, ZipTooLarge
from raylambda.model.clock import Clock, SystemClock
from raylambda.model.environment import (
    EnvironmentStarted,
    EnvironmentStopped,
    HostEvent,
    HostFacts,
    NoSuchEnvironment,
    StartEnvironment,
    StartRefused,
)
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.model.limits import INIT_TIMEOUT_S
from raylambda.node.environment.environment import Environment, EnvironmentBusy, Job
from raylambda.node.environment.logging.journal import Journal
from raylambda.node.environment.logging.log_buffer import LogBuffer
from raylambda.node.environment.logging.outbox import Outbox
from raylambda.node.environment.timers import LoopTimers, Timers
from raylambda.node.environment.unrunnable import UnrunnableEnvironment
from raylambda.node.environment.variables import environment_variables, with_all_variables
from raylambda.node.host_folder import HostFolder
from raylambda.node.runtime_env import mounts, runtime_env_packages, with_packages
from raylambda.node.runtimes.catalog import Catalog
from raylambda.node.runtimes.plan import RuntimePlan, RuntimeUnavailable, View
from raylambda.node.sandbox.contract import GuestSpec, RuntimeCommand, Sandbox, SandboxError
from raylambda.node.sandbox.selection import make_sandbox
from raylambda.node.trees import CodeDamaged, CodeTrees

__all__ = ["EnvironmentBusy", "EnvironmentStopped", "Host", "HostParts", "HostSettings", "gather_parts"]


@dataclass(frozen=True)
class HostSettings:
    """What a host is made with; it travels to the host's node.

    ``state_dir`` is a directory on that node (``~`` is its user's home): unpacked packages below it are shared by its hosts,
    and what belongs to this host alone is removed when it closes. An empty ``node_id`` is asked of Ray.
    """

    host_id: str
    state_dir: Path
    isolation: str = "jail"
    network: str = "egress"
    egress_allow: tuple[str, ...] = ()
    function_env: Mapping[str, str] = field(default_factory=dict)
    runtimes: Mapping[str, str] = field(default_factory=dict)
    node_id: str = ""
    init_timeout_s: float = INIT_TIMEOUT_S
    poll_s: float = 1.5
    batch_s: float = 0.25

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
    """What a host stands on; tests give fakes. ``gpu_ids`` are those that Ray has given to this host.

    ``folder`` goes with the host.
    """

    sandbox: Sandbox
    trees: CodeTrees
    catalog: Catalog
    node_id: str
    folder: HostFolder | None = None
    view: View = View.JAIL
    packages: tuple[Path, ...] = ()
    gpu_ids: tuple[str, ...] = ()
    clock: Clock = field(default_factory=SystemClock)
    timers: Timers = field(default_factory=LoopTimers)


async def gather_parts(settings: HostSettings) -> HostParts:
    """The real ones, as this node has them; raises ``SandboxError`` when it cannot isolate as asked."""
    folder = await asyncio.to_thread(HostFolder.claim, settings.own_dir)
    return HostParts(
        sandbox=await make_sandbox(
            settings.isolation, settings.network, settings.egress_allow, folder.path, _cluster_addresses
        ),
        folder=folder,
        trees=CodeTrees(settings.code_dir),
        catalog=Catalog(settings.runtimes),
        node_id=settings.node_id or ray.get_runtime_context().get_node_id(),
        view=View.PLAIN if settings.isolation == "process" else View.JAIL,
        packages=runtime_env_packages(sys.path),
        gpu_ids=tuple(str(number) for number in ray.get_gpu_ids()) if ray.is_initialized() else (),
    )


class Host:
    """Make it, ``open`` it, use it, ``close`` it. Environments are known by the ids that the fleet chose."""

    def __init__(
        self, settings: HostSettings, gather: Callable[[HostSettings], Awaitable[HostParts]] = gather_parts
    ) -> None:
        self._settings = settings
        self._gather = gather
        self._environments: dict[str, Environment | UnrunnableEnvironment] = {}
        self._starting: set[str] = set()
        self._unwanted: set[str] = set()

    async def open(self) -> HostFacts:
        """Prepare the node; raises ``SandboxError`` when it cannot isolate as asked."""
        _allow_descriptors()
        self._parts = await self._gather(self._settings)
        self._outbox = Outbox(self._parts.clock, self._settings.poll_s, self._settings.batch_s)
        return await self.facts()

    async def facts(self) -> HostFacts:
        isolation = self._parts.sandbox.isolation()
        runtimes = await asyncio.to_thread(self._parts.catalog.available)
        return HostFacts(
            host_id=self._settings.host_id,
            node_id=self._parts.node_id,
            node_name=socket.gethostname(),
            pid=os.getpid(),
            isolation=(isolation.level, *isolation.measures),
            warnings=isolation.warnings,
            runtimes=runtimes,
        )

    async def start(self, start: StartEnvironment) -> EnvironmentStarted:
        """Start an environment and wait for its INIT; raises ``StartRefused``."""
        name = start.environment_id
        if name in self._environments or name in self._starting:
            raise StartRefused(f"environment {name} is here already")
        self._starting.add(name)
        log = self._outbox.open_log(start)
        try:
            return await self._start(start, log)
        except (SandboxError, CodeDamaged, BadZip, ZipTooLarge, OSError) as error:
            raise StartRefused(str(error)) from error
        finally:
            self._starting.discard(name)
            self._unwanted.discard(name)
            if name not in self._environments:
                self._outbox.close_log(name)

    async def invoke(self, environment_id: str, invocation: Invocation) -> InvocationResult:
        """Run one event; raises ``NoSuchEnvironment``, ``EnvironmentBusy`` or ``EnvironmentStopped``."""
        environment = self._environments.get(environment_id)
        if environment is None:
            raise NoSuchEnvironment(f"host {self._settings.host_id} has no environment {environment_id}")
        try:
            result = await environment.invoke(invocation)
        except (NoSuchEnvironment, EnvironmentStopped):
            self._forget(environment_id)
            raise
        if not result.reusable:
            self._forget(environment_id)
        return result

    async def stop(self, environment_id: str) -> None:
        """SHUTDOWN an environment; one that is not there is no error."""
        if environment_id in self._starting:
            self._unwanted.add(environment_id)
        environment = self._environments.pop(environment_id, None)
        if environment is not None:
            await environment.shutdown()
            self._outbox.close_log(environment_id)

    async def events(self) -> list[HostEvent]:
        """Wait (seconds at most) for log lines and exits since the last call; for one listener."""
        return await self._outbox.events()

    async def close(self) -> list[HostEvent]:
        """Stop everything and remove what this host alone wrote; returns the events that nobody has read."""
        await asyncio.gather(*map(self.stop, (*self._environments, *self._starting)))
        await self._parts.sandbox.close()
        if self._parts.folder is not None:
            await asyncio.to_thread(self._parts.folder.remove)
        return self._outbox.take()

    async def describe(self) -> dict[str, object]:
        """For people: every environment with its state."""
        environments = [environment.describe() for environment in self._environments.values()]
        return {"host_id": self._settings.host_id, "environments": environments, "starting": sorted(self._starting)}

    async def _start(self, start: StartEnvironment, log: LogBuffer) -> EnvironmentStarted:
        name, version, parts = start.environment_id, start.version, self._parts
        tree = await parts.trees.tree(version.code_sha256, lambda: _fetch(start))
        journal = Journal(version, name, log, parts.clock)
        try:
            seen = with_all_variables(version, self._settings.function_env)
            plan = await asyncio.to_thread(parts.catalog.plan, seen, tree, parts.view)
        except RuntimeUnavailable as absent:
            unrunnable = UnrunnableEnvironment(name, absent.error_type, absent.message, journal)
            self._environments[name] = unrunnable
            return await unrunnable.start()
        guest = await parts.sandbox.launch(self._spec(start, tree, plan), log.write_output)
        if name in self._unwanted:
            await guest.close()
            raise StartRefused(f"environment {name} was stopped while it started")
        job = Job(name, version, self._command(start, plan, guest.api_address), self._settings.init_timeout_s)
        environment = Environment(
            job, guest, journal, parts.clock, parts.timers, lambda reason: self._gone(name, reason)
        )
        self._environments[name] = environment
        try:
            return await environment.start()
        except BaseException:
            self._environments.pop(name, None)
            await environment.shutdown()
            raise

    def _spec(self, start: StartEnvironment, tree: Path, plan: RuntimePlan) -> GuestSpec:
        version = start.version
        return GuestSpec(
            environment_id=start.environment_id,
            code_tree=tree,
            memory_mb=version.memory_mb,
            ephemeral_mb=version.ephemeral_mb,
            init_interpreter=plan.init_interpreter,
            preload=plan.forked,
            mounts=(*plan.mounts, *mounts(self._parts.packages)),
            devices=_gpu_devices() if version.ray_options.num_gpus else (),
        )

    def _command(self, start: StartEnvironment, plan: RuntimePlan, api_address: str) -> RuntimeCommand:
        version, parts = start.version, self._parts
        env = environment_variables(version, start.log_stream, plan.env, plan.reserved, self._settings.function_env)
        if version.runtime.startswith("python"):
            jailed = parts.view is View.JAIL
            places = [mount.target if jailed else str(mount.source) for mount in mounts(parts.packages)]
            env = with_packages(env, places)
        if version.ray_options.num_gpus:
            env["CUDA_VISIBLE_DEVICES"] = ",".join(parts.gpu_ids)
        env["AWS_LAMBDA_RUNTIME_API"] = api_address
        return RuntimeCommand(plan.argv, env, plan.cwd, plan.forked)

    def _forget(self, environment_id: str) -> None:
        """It has ended by itself; its jail is being closed already."""
        if self._environments.pop(environment_id, None) is not None:
            self._outbox.close_log(environment_id)

    def _gone(self, environment_id: str, reason: str) -> None:
        self._forget(environment_id)
        self._outbox.exited(environment_id, reason)


def _allow_descriptors() -> None:
    """As many as the system lets us have: each environment takes a few, and a hostile one all that it is allowed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _fetch(start: StartEnvironment) -> bytes:
    """The code package: bytes, or an awaitable reference to them."""
    if not start.package:
        raise StartRefused(f"the package {start.version.code_sha256} is not on this node, and none was sent")
    package = start.package[0]
    if isinstance(package, bytes):
        return package
    try:
        data: bytes = await package
    except Exception as error:
        raise StartRefused(f"the package {start.version.code_sha256} cannot be fetched: {error}") from error
    return data


def _cluster_addresses() -> list[str]:
    """The nodes of the cluster, which functions may not reach."""
    if not ray.is_initialized():
        return []
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["NodeManagerAddress"] for node in nodes if node["Alive"]]


def _gpu_devices() -> tuple[str, ...]:
    """The device files of NVIDIA's driver, which CUDA opens; ``CUDA_VISIBLE_DEVICES`` chooses among the cards."""
    return tuple(sorted(str(path) for path in Path("/dev").glob("nvidia*") if path.is_char_device()))

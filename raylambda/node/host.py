"""The host: the environments of one slice of a node, by the ids that the fleet chose.

Its methods are the far side of ``hosts.ports.Host``; ``host_actor.py`` carries them over Ray. All run in one event loop; an
environment's work is never in the way of another's for longer than one of its callbacks.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from raylambda.artifacts.archive import ArchiveError
from raylambda.model.environment import (
    EnvironmentStarted,
    EnvironmentStopped,
    HostEvent,
    HostFacts,
    HostUnfit,
    NoSuchEnvironment,
    PrepareVersion,
    StartEnvironment,
    StartRefused,
)
from raylambda.model.function import FunctionVersion
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.node.environment.environment import Environment, Job, UnrunnableEnvironment
from raylambda.node.environment.logging.journal import Journal
from raylambda.node.environment.logging.log_buffer import LogBuffer
from raylambda.node.environment.logging.outbox import Outbox
from raylambda.node.environment.variables import with_all_variables
from raylambda.node.host_parts import HostParts, HostSettings, gather_parts
from raylambda.node.launch import guest_spec, runtime_command
from raylambda.node.runtime_env import package_places
from raylambda.node.runtimes.plan import RuntimePlan, RuntimeUnavailable, View
from raylambda.node.sandbox.contract import SandboxError
from raylambda.node.trees.code_trees import CodeDamaged, Hold
from raylambda.node.trees.compilation import Compiler


class Host:
    """Make it, ``open`` it, use it, ``close`` it."""

    def __init__(
        self, settings: HostSettings, gather: Callable[[HostSettings], Awaitable[HostParts]] = gather_parts
    ) -> None:
        self._settings = settings
        self._gather = gather
        self._environments: dict[str, Environment | UnrunnableEnvironment] = {}
        self._holds: dict[str, Hold] = {}
        self._starting: set[str] = set()
        self._unwanted: set[str] = set()

    async def open(self) -> HostFacts:
        """Prepare the node; raises ``HostUnfit`` when it cannot isolate as asked.

        This process may have as many descriptors as the system lets it: each environment takes a few, and a hostile one all that
        it is allowed.
        """
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        try:
            self._parts = await self._gather(self._settings)
        except SandboxError as error:
            raise HostUnfit(str(error)) from error
        self._outbox = Outbox(self._parts.clock, self._settings.poll_s, self._settings.batch_s)
        self._compiler = Compiler(self._parts.sandbox, self._parts.trees)
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

    async def prepare(self, order: PrepareVersion) -> None:
        """Fetch and unpack the package of a version; its byte code follows by itself. Raises ``StartRefused``."""
        try:
            hold = await self._hold(order)
        except (CodeDamaged, ArchiveError, OSError) as error:
            raise StartRefused(str(error)) from error
        try:
            plan, _ = await asyncio.to_thread(self._plan, order.version, hold)
            self._compiler.begin(hold, order.version, plan)
        except RuntimeUnavailable:
            return  # whoever calls the function is told
        finally:
            hold.release()

    async def start(self, start: StartEnvironment) -> EnvironmentStarted:
        """Start an environment and wait for its INIT; raises ``StartRefused``."""
        name = start.environment_id
        if name in self._environments or name in self._starting:
            raise StartRefused(f"environment {name} is here already")
        self._starting.add(name)
        log = self._outbox.open_log(start)
        try:
            return await self._start(start, log)
        except (SandboxError, CodeDamaged, ArchiveError, OSError) as error:
            raise StartRefused(str(error)) from error
        finally:
            self._starting.discard(name)
            self._unwanted.discard(name)
            if name not in self._environments:
                self._let_go(name)

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
            self._let_go(environment_id)

    async def events(self) -> list[HostEvent]:
        """Wait (seconds at most) for log lines and exits since the last call; for one listener."""
        return await self._outbox.events()

    async def close(self) -> list[HostEvent]:
        """Stop everything and remove what this host alone wrote; returns the events that nobody has read."""
        await asyncio.gather(*map(self.stop, (*self._environments, *self._starting)))
        await self._compiler.close()
        await self._parts.sandbox.close()
        await self._parts.trees.close()
        if self._parts.folder is not None:
            await asyncio.to_thread(self._parts.folder.remove)
        return self._outbox.take()

    async def describe(self) -> list[dict[str, object]]:
        """For people: every environment with its state and how it came to be in it."""
        return [environment.describe() for environment in self._environments.values()]

    async def _start(self, start: StartEnvironment, log: LogBuffer) -> EnvironmentStarted:
        name, version, parts = start.environment_id, start.version, self._parts
        self._holds[name] = hold = await self._hold(start)
        journal = Journal(version, name, log, parts.clock)
        try:
            plan, tree = await asyncio.to_thread(self._plan, version, hold)
        except RuntimeUnavailable as absent:
            unrunnable = UnrunnableEnvironment(name, absent, journal)
            self._environments[name] = unrunnable
            return await unrunnable.start()
        guest = await parts.sandbox.launch(guest_spec(start, tree, plan, parts.launching), log.write_output)
        if name in self._unwanted:
            await guest.close()
            raise StartRefused(f"environment {name} was stopped while it started")
        command = runtime_command(start, plan, parts.launching, guest.api_address)
        job = Job(name, version, command, self._settings.init_timeout_s)
        environment = Environment(
            job, guest, journal, parts.clock, parts.timers, lambda reason: self._gone(name, reason)
        )
        self._environments[name] = environment
        try:
            started = await environment.start()
        except BaseException:
            self._environments.pop(name, None)
            await environment.shutdown()
            raise
        if tree == hold.code:
            self._compiler.begin(hold, version, plan)
        return started

    async def _hold(self, order: StartEnvironment | PrepareVersion) -> Hold:
        return await self._parts.trees.hold(order.version.code_sha256, lambda: _fetch(order))

    def _plan(self, version: FunctionVersion, hold: Hold) -> tuple[RuntimePlan, Path]:
        """How a version starts, and in which tree: that with byte code if there is one. Raises ``RuntimeUnavailable``."""
        launching, catalog = self._parts.launching, self._parts.catalog
        seen = with_all_variables(version, launching.function_env)
        packages = package_places(launching.packages, launching.view)
        plan = catalog.plan(seen, hold.code, launching.view, packages)
        tree = hold.compiled(plan.compilation.byte_code.name) if plan.compilation else hold.code
        if tree == hold.code or not tree.is_dir():
            return plan, hold.code
        # Only a plan without a jail knows where the tree is.
        return plan if launching.view is View.JAIL else catalog.plan(seen, tree, launching.view, packages), tree

    def _let_go(self, environment_id: str) -> None:
        self._outbox.close_log(environment_id)
        if hold := self._holds.pop(environment_id, None):
            hold.release()

    def _forget(self, environment_id: str) -> None:
        """It has ended by itself; its jail is being closed already."""
        if self._environments.pop(environment_id, None) is not None:
            self._let_go(environment_id)

    def _gone(self, environment_id: str, reason: str) -> None:
        self._forget(environment_id)
        self._outbox.exited(environment_id, reason)


async def _fetch(order: StartEnvironment | PrepareVersion) -> bytes:
    """The code package: bytes, or an awaitable reference to them."""
    if not order.package:
        raise StartRefused(f"the package {order.version.code_sha256} is not on this node, and none was sent")
    package = order.package[0]
    if isinstance(package, bytes):
        return package
    try:
        data: bytes = await package
    except Exception as error:
        raise StartRefused(f"the package {order.version.code_sha256} cannot be fetched: {error}") from error
    return data

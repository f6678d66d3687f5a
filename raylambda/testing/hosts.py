"""Hosts in this process: scripted, killable, and held to the same contract as the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from raylambda.hosts.ports import Host, HostClass, HostLost, HostSize, NoSuchEnvironment
from raylambda.model.environment import (
    EnvironmentExited,
    EnvironmentStarted,
    HostEvent,
    HostFacts,
    PrepareVersion,
    StartEnvironment,
)
from raylambda.model.invocation import Invocation, InvocationResult

_T = TypeVar("_T")

Answer = Callable[[StartEnvironment, Invocation], InvocationResult | Awaitable[InvocationResult]]
Gate = Callable[[], Awaitable[None]]


def echo(start: StartEnvironment, invocation: Invocation) -> InvocationResult:
    """Answer an event with itself."""
    return InvocationResult(invocation.payload, duration_ms=1.0, billed_ms=1)


async def _open_gate() -> None:
    return None


@dataclass
class Script:
    """What hosts do: ``answer`` says what comes out of an invocation (now, or when its awaitable is done; it may raise),
    ``before_host``, ``before_start`` and ``before_prepare`` are awaited by what they are named after (they may raise what the
    ports allow).
    """

    answer: Answer = echo
    before_host: Gate = _open_gate
    before_start: Callable[[StartEnvironment], Awaitable[None]] | None = None
    before_prepare: Callable[[PrepareVersion], Awaitable[None]] | None = None


class FakeHost:
    """One host. ``invocations`` lists what ran here, by environment, ``prepared`` the packages that it has; ``kill`` is what a
    lost node looks like.
    """

    def __init__(self, facts: HostFacts, size: HostSize, script: Script, poll_s: float = 1.0) -> None:
        self._facts = facts
        self._size = size
        self._script = script
        self._poll_s = poll_s
        self._killed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox: asyncio.Queue[HostEvent] = asyncio.Queue()
        self._released = False
        self._working: set[asyncio.Future[Any]] = set()
        self.environments: dict[str, StartEnvironment] = {}
        self.prepared: list[PrepareVersion] = []
        self.invocations: list[tuple[str, Invocation]] = []

    @property
    def facts(self) -> HostFacts:
        return self._facts

    @property
    def size(self) -> HostSize:
        return self._size

    def kill(self) -> None:
        """End the host: every call, also those under way, raises ``HostLost`` from now on."""
        self.environments.clear()
        if not self._killed.done():
            self._killed.set_result(None)

    def shut_down(self) -> Sequence[HostEvent]:
        """End the host, and return what nobody has heard."""
        self._released = True
        last_words = () if self._killed.done() else tuple(self._unheard())
        self.kill()
        return last_words

    def emit(self, event: HostEvent) -> None:
        """Let the listener hear this."""
        self._outbox.put_nowait(event)

    def exit(self, environment_id: str, reason: str = "Runtime.ExitError") -> None:
        """An idle environment ends by itself."""
        del self.environments[environment_id]
        self.emit(EnvironmentExited(environment_id, reason))

    async def start(self, start: StartEnvironment, label: str) -> EnvironmentStarted:
        self._require_alive()
        if self._script.before_start is not None:
            await self._until_killed(self._script.before_start(start))
        self.environments[start.environment_id] = start
        return EnvironmentStarted(start.environment_id, init_ms=10.0, init_ok=True)

    async def prepare(self, order: PrepareVersion) -> None:
        self._require_alive()
        if self._script.before_prepare is not None:
            await self._until_killed(self._script.before_prepare(order))
        self.prepared.append(order)

    async def invoke(self, environment_id: str, invocation: Invocation, label: str) -> InvocationResult:
        self._require_alive()
        start = self.environments.get(environment_id)
        if start is None:
            raise NoSuchEnvironment(environment_id)
        self.invocations.append((environment_id, invocation))
        answer = self._script.answer(start, invocation)
        return answer if isinstance(answer, InvocationResult) else await self._until_killed(answer)

    async def stop(self, environment_id: str) -> None:
        self._require_alive()
        self.environments.pop(environment_id, None)

    async def events(self) -> AsyncGenerator[Sequence[HostEvent]]:
        while not self._released:
            self._require_alive()
            first = asyncio.ensure_future(self._outbox.get())
            try:
                await asyncio.wait((first, self._killed), timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED)
                if not self._released:
                    self._require_alive()
                if first.done() or not self._released:
                    yield (first.result(), *self._unheard()) if first.done() else ()
            finally:
                first.cancel()

    async def describe(self) -> Sequence[Mapping[str, object]]:
        self._require_alive()
        return [{"environment_id": name, "function": start.version.name} for name, start in self.environments.items()]

    def _unheard(self) -> Iterator[HostEvent]:
        while not self._outbox.empty():
            yield self._outbox.get_nowait()

    def _require_alive(self) -> None:
        if self._killed.done():
            raise HostLost(self._facts.host_id)

    async def _until_killed(self, work: Awaitable[_T]) -> _T:
        """The work goes on when the caller is cancelled; it ends when the host does."""
        task: asyncio.Future[_T] = asyncio.ensure_future(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        await asyncio.wait((task, self._killed), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise HostLost(self._facts.host_id)
        return task.result()


@dataclass
class FakeCluster:
    """Makes ``FakeHost``; ``made`` lists them all, ``released`` the ids of those given back.

    Hosts hold ``memory_mb``, or more where more is asked for, and go round the ``nodes``.
    """

    memory_mb: int = 4096
    nodes: tuple[str, ...] = ("node-1",)
    script: Script = field(default_factory=Script)
    poll_s: float = 1.0
    made: list[FakeHost] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    async def create_host(self, host_id: str, host_class: HostClass, at_least_mb: int) -> Host:
        await self.script.before_host()
        node = self.nodes[len(self.made) % len(self.nodes)]
        facts = HostFacts(host_id, node, node, pid=0, isolation=(), warnings=(), runtimes=())
        size = HostSize(max(self.memory_mb, at_least_mb), vcpus=2.0)
        host = FakeHost(facts, size, self.script, self.poll_s)
        self.made.append(host)
        return host

    async def release_host(self, host: Host) -> Sequence[HostEvent]:
        self.released.append(host.facts.host_id)
        return host.shut_down() if isinstance(host, FakeHost) else ()


class FakePackages:
    """A ``PackageShelf`` of packages in memory."""

    def __init__(self, packages: dict[str, bytes] | None = None) -> None:
        self._packages = packages or {}

    async def package(self, code_sha256: str) -> list[object]:
        return [self._packages.get(code_sha256, b"")]

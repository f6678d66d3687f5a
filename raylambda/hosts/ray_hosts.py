"""Hosts over Ray: each is an actor, each call to it an actor task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorUnschedulableError, RayError, RayTaskError, RuntimeEnvSetupError

from raylambda.hosts.ports import Host, HostClass, HostLost, HostNotMade, HostSize, HostUnfit, Unplaceable
from raylambda.hosts.ray_options import (
    HostSizing,
    NodeOffer,
    actor_options,
    installs_packages,
    setup_failure,
    what_is_missing,
)
from raylambda.model.environment import (
    EnvironmentStarted,
    EnvironmentStopped,
    HostEvent,
    HostFacts,
    NoSuchEnvironment,
    PrepareVersion,
    StartEnvironment,
    StartRefused,
)
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.model.packing import pack_invocation, unpack_result

_log = logging.getLogger(__name__)

MakeActor = Callable[[str, HostSize, dict[str, Any]], ActorHandle[Any]]
"""(host id, size, Ray options) -> the new actor; ``boot`` decorates ``node.host_actor.HostActor``."""


class RayHost:
    """A ``Host`` that is a Ray actor. Once it is abandoned, every call to it fails, also those that wait for an answer.

    ``listed`` calls are those that people find in Ray's list of tasks: invocations, starts and stops.
    """

    def __init__(self, actor: ActorHandle[Any], facts: HostFacts, size: HostSize) -> None:
        self._actor = actor
        self._facts = facts
        self._size = size
        self._answers: set[asyncio.Future[Any]] = set()
        self._heard_out = asyncio.Event()
        self._heard_out.set()
        self._closing = False
        self._abandoned = False

    @property
    def facts(self) -> HostFacts:
        return self._facts

    @property
    def size(self) -> HostSize:
        return self._size

    async def start(self, start: StartEnvironment, label: str) -> EnvironmentStarted:
        started: EnvironmentStarted = await self._call(self._actor.start, label, start)
        return started

    async def prepare(self, order: PrepareVersion) -> None:
        await self._call(self._actor.prepare, "prepare", order, listed=False)

    async def invoke(self, environment_id: str, invocation: Invocation, label: str) -> InvocationResult:
        packed = pack_invocation(environment_id, invocation)
        return unpack_result(await self._call(self._actor.invoke, label, packed))

    async def stop(self, environment_id: str) -> None:
        await self._call(self._actor.stop, "stop", environment_id)

    async def events(self) -> AsyncGenerator[Sequence[HostEvent]]:
        """Streamed by Ray, one batch on its way at a time: a host that floods waits until its lines are kept."""
        listening: Any = self._actor.events.options(
            name="events", num_returns="streaming", _generator_backpressure_num_objects=1
        )
        self._heard_out.clear()
        try:
            while not self._closing:
                self._require_not_abandoned()
                stream = listening.remote()
                with suppress(StopAsyncIteration):
                    while True:
                        yield await self._next_batch(stream)
        finally:
            self._heard_out.set()

    async def describe(self) -> Sequence[Mapping[str, object]]:
        environments: Sequence[Mapping[str, object]] = await self._call(self._actor.describe, "describe", listed=False)
        return environments

    async def shut_down(self, patience_s: float) -> Sequence[HostEvent]:
        """Let the host end its environments and its listener read to the end, then end the actor; returns what was left."""
        last_words: Sequence[HostEvent] = ()
        self._closing = True
        try:
            async with asyncio.timeout(patience_s):
                last_words = await self._call(self._actor.close, "close", listed=False)
                await self._heard_out.wait()
        except (HostLost, TimeoutError) as reason:
            _log.info("host %s did not close in order: %r", self._facts.host_id, reason)
        self._abandon()
        await asyncio.to_thread(ray.kill, self._actor)
        return last_words

    def _abandon(self) -> None:
        self._abandoned = True
        for answer in tuple(self._answers):
            if not answer.done():
                answer.set_exception(HostLost(f"host {self._facts.host_id} was given up"))

    def _require_not_abandoned(self) -> None:
        if self._abandoned:
            raise HostLost(f"host {self._facts.host_id} was given up")

    async def _call(self, method: Any, label: str, *arguments: Any, listed: bool = True) -> Any:
        self._require_not_abandoned()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._answers.add(answer)
        try:
            reference = method.options(name=label, enable_task_events=listed).remote(*arguments)
            reference.future().add_done_callback(lambda done: _pass_on(loop, done, answer))
            return await answer
        except RayError as error:
            raise translated(error) from None
        finally:
            self._answers.discard(answer)

    async def _next_batch(self, stream: AsyncIterator[Awaitable[Any]]) -> Sequence[HostEvent]:
        """Raises ``StopAsyncIteration`` at the end of the stream."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers.add(answer)
        batch = asyncio.ensure_future(_next_of(stream))
        batch.add_done_callback(lambda done: _settle(done, answer))
        try:
            events: Sequence[HostEvent] = await answer
        except RayError as error:
            raise translated(error) from None
        finally:
            self._answers.discard(answer)
            batch.cancel()
        return events


async def _next_of(stream: AsyncIterator[Awaitable[Any]]) -> Any:
    return await (await anext(stream))


def _pass_on(loop: asyncio.AbstractEventLoop, done: Future[Any], answer: asyncio.Future[Any]) -> None:
    """Runs in a thread of Ray's."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, done, answer)


def _settle(done: Future[Any] | asyncio.Future[Any], answer: asyncio.Future[Any]) -> None:
    if answer.done():
        return
    error = done.exception()
    if error is None:
        answer.set_result(done.result())
    else:
        answer.set_exception(error)


def translated(error: RayError) -> Exception:
    """What a failed actor task means: what the host raised, or that the host is gone."""
    if not isinstance(error, RayTaskError):
        return HostLost(_first_line(error))
    cause = error.cause
    if isinstance(cause, NoSuchEnvironment | EnvironmentStopped | StartRefused):
        return type(cause)(str(cause))
    return error


class RayCluster:
    """Makes hosts as Ray actors. ``creation_limit_s`` bounds how long Ray may look for room, ``build_limit_s`` the same
    with the installation of a runtime_env's packages; ``patience_s`` is what a host gets to shut down in order.
    """

    def __init__(
        self,
        make_actor: MakeActor,
        sizing: HostSizing,
        creation_limit_s: float = 30.0,
        build_limit_s: float = 600.0,
        patience_s: float = 5.0,
    ) -> None:
        self._make_actor = make_actor
        self._sizing = sizing
        self._creation_limit_s = creation_limit_s
        self._build_limit_s = build_limit_s
        self._patience_s = patience_s

    async def create_host(self, host_id: str, host_class: HostClass, at_least_mb: int) -> Host:
        nodes = await asyncio.to_thread(node_offers)
        size = self._sizing.size(nodes, at_least_mb)
        options = actor_options(host_class, size, host_id, whole_node=self._sizing.whole_node)
        missing = what_is_missing(nodes, options)
        if missing is not None:
            raise Unplaceable(f"The cluster has no node for the function's Ray options: {missing}.")
        actor = await asyncio.to_thread(self._make_actor, host_id, size, options)
        try:
            return RayHost(actor, await self._open(actor, host_class), size)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(ray.kill, actor))
            raise

    async def _open(self, actor: ActorHandle[Any], host_class: HostClass) -> HostFacts:
        limit_s = self._build_limit_s if installs_packages(host_class.options) else self._creation_limit_s
        try:
            async with asyncio.timeout(limit_s):
                facts: HostFacts = await actor.open.remote()
        except TimeoutError:
            raise HostNotMade(f"the cluster had no room for one more host within {limit_s:g} seconds") from None
        except RuntimeEnvSetupError as error:
            raise Unplaceable(f"The function's runtime_env cannot be set up: {setup_failure(str(error))}") from None
        except ActorUnschedulableError as error:
            raise Unplaceable(_first_line(error)) from None
        except RayError as error:
            cause = error.cause if isinstance(error, RayTaskError) else None
            raise HostUnfit(str(cause)) if isinstance(cause, HostUnfit) else HostNotMade(_gist(error)) from None
        return facts

    async def release_host(self, host: Host) -> Sequence[HostEvent]:
        if not isinstance(host, RayHost):
            raise TypeError(f"not a host of this cluster: {host!r}")
        return await host.shut_down(self._patience_s)


def node_offers() -> list[NodeOffer]:
    """What the nodes that are alive have in all."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [NodeOffer(node["Resources"], node.get("Labels") or {}) for node in nodes if node["Alive"]]


def _gist(error: Exception) -> str:
    """Ray's own first line, and the last one, which names the exception where a constructor failed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(dict.fromkeys((lines[0], lines[-1]))) if lines else type(error).__name__


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

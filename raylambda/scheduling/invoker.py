"""The one path that every caller of a function uses: resolve, lease (admit and place), run, settle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.placing import Lease, PlacementRefused, Placing, Refusal
from raylambda.hosts.ports import EnvironmentStopped, HostLost, NoSuchEnvironment
from raylambda.model.errors import (
    LambdaError,
    ResourceNotReadyException,
    ServiceException,
    ThrottleReason,
    TooManyRequestsException,
)
from raylambda.model.invocation import Call, Completion, Invocation, InvocationResult, Target
from raylambda.scheduling.registry import Registry

_log = logging.getLogger(__name__)

_ATTEMPTS = 3
"""Environments may end by themselves while they are idle; a call meets at most so many of them before it gives up."""

Meter = Callable[[Target, Lease, InvocationResult], None]
"""Is told of every invocation that ran, after it has settled; ``Lease.cold`` says whether it waited for a start."""


class Followed(Protocol):
    """Whoever keeps the registry up to date (``store.following.ChangeFollower``)."""

    async def caught_up(self) -> None:
        """Return once what this process has written is in the registry; costs nothing when it is already."""
        ...


class Invoker:
    """Runs calls. Only errors of ``model.errors`` leave it; function errors are results.

    A lease, which is the call's unit of concurrency too, is given back exactly once, however the call ends. A caller that is
    cancelled gives up the answer, not the invocation (lambda-reference.md 7), which goes on and settles by itself.
    """

    def __init__(
        self,
        followed: Followed,
        registry: Registry,
        placing: Placing,
        hosts: HostDirectory,
        meter: Meter = lambda target, lease, result: None,
    ) -> None:
        self._followed = followed
        self._registry = registry
        self._placing = placing
        self._hosts = hosts
        self._meter = meter
        self._running: set[asyncio.Task[Completion]] = set()

    async def invoke(self, call: Call) -> Completion:
        """Run one event and return what came out of it; raises ``LambdaError`` when it did not run."""
        await self._followed.caught_up()
        running = asyncio.get_running_loop().create_task(self._run_once(call))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)

    async def check(self, call: Call) -> Target:
        """Resolve only: what DryRun and the acceptance of an event need to know."""
        await self._followed.caught_up()
        return self._registry.resolve(call.account, call.region, call.name, call.qualifier)

    async def drain(self, patience_s: float) -> None:
        """Wait for the calls in flight, at most so long."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=patience_s)

    async def _run_once(self, call: Call) -> Completion:
        """Try again when the environment was gone before the event reached it: nothing has run then."""
        try:
            for _ in range(_ATTEMPTS):
                with suppress(NoSuchEnvironment):
                    return await self._attempt(call)
        except LambdaError:
            raise
        except Exception as error:
            _log.exception("invocation %s failed", call.request_id)
            raise ServiceException("The platform failed to run the function.") from error
        raise ServiceException("The execution environments of the function keep ending by themselves.")

    async def _attempt(self, call: Call) -> Completion:
        target = self._registry.resolve(call.account, call.region, call.name, call.qualifier)
        try:
            lease = await self._placing.lease(target)
        except PlacementRefused as refused:
            raise _as_wire_error(refused) from None
        result: InvocationResult | None = None
        try:
            result = await self._run(lease, target, call)
        finally:
            self._placing.give_back(lease, reusable=result is not None and result.reusable)
        self._meter(target, lease, result)
        return Completion(result, target.version.version)

    async def _run(self, lease: Lease, target: Target, call: Call) -> InvocationResult:
        invocation = Invocation(
            request_id=call.request_id,
            payload=call.payload,
            invoked_arn=target.invoked_arn,
            trace_id=call.trace_id,
            client_context=call.client_context,
            tail=call.tail,
        )
        try:
            host = self._hosts.find(lease.host_id)
            return await host.invoke(lease.environment_id, invocation, target.label)
        except HostLost:
            self._placing.lose(lease.host_id)
            raise ServiceException(
                "The host of the execution environment was lost while the function ran. It may have run in part."
            ) from None
        except EnvironmentStopped:
            raise ServiceException(
                "The execution environment ended while the function ran. It may have run in part."
            ) from None


def _as_wire_error(refused: PlacementRefused) -> LambdaError:
    """What the client reads when there is no place for its call.

    AWS answers an excess over a function's scaling rate as a limit of concurrency, for it bounds the growth of
    concurrency and not the rate of requests
    (https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#scaling-rate).
    """
    match refused.refusal:
        case Refusal.FUNCTION_CONCURRENCY:
            return TooManyRequestsException(reason=ThrottleReason.FUNCTION)
        case Refusal.ACCOUNT_CONCURRENCY | Refusal.START_RATE:
            return TooManyRequestsException(reason=ThrottleReason.ACCOUNT)
        case Refusal.UNPLACEABLE:
            return ResourceNotReadyException(refused.message)
        case Refusal.NO_CAPACITY | Refusal.START_FAILED:
            return ServiceException(refused.message)

"""One invocation while it is in an environment."""

from __future__ import annotations

import asyncio

from raylambda.model.clock import Clock
from raylambda.model.environment import EnvironmentStopped, NoSuchEnvironment
from raylambda.model.invocation import Invocation
from raylambda.node.environment.failures import Failed, Responded
from raylambda.node.environment.guest_api.runtime_api import EventHead
from raylambda.node.environment.logging.journal import Usage


class Run:
    """Its time begins with ``begin`` and ends with ``answer``; ``answered`` holds the result, or why there is none."""

    def __init__(self, invocation: Invocation, timeout_s: float, clock: Clock) -> None:
        self.invocation = invocation
        self.answered: asyncio.Future[Responded | Failed] = asyncio.get_running_loop().create_future()
        self._timeout_s = timeout_s
        self._clock = clock
        self._began = self._ended = 0.0
        self._memory_mb = 0

    def begin(self) -> None:
        self._began = self._clock.monotonic()

    def head(self) -> EventHead:
        """What the runtime is told of the event now."""
        left_s = self._began + self._timeout_s - self._clock.monotonic()
        invocation = self.invocation
        return EventHead(
            invocation.request_id,
            int((self._clock.now() + left_s) * 1000),
            invocation.invoked_arn,
            invocation.trace_id,
            invocation.client_context or "",
        )

    def answer(self, result: Responded | Failed, memory_mb: int) -> None:
        self._ended = self._clock.monotonic()
        self._memory_mb = memory_mb
        self.answered.set_result(result)

    def give_up(self, environment_id: str, delivered: bool) -> None:
        """No answer will come."""
        name = f"environment {environment_id}"
        if delivered:
            self.answered.set_exception(EnvironmentStopped(f"{name} ended while it ran the event"))
        else:
            self.answered.set_exception(NoSuchEnvironment(f"{name} ended before the event reached it"))

    def usage(self) -> Usage:
        """After the answer; a time-out took exactly the timeout."""
        result = self.answered.result()
        late = isinstance(result, Failed) and result.status == "timeout"
        duration_s = self._timeout_s if late else self._ended - self._began
        return Usage(1000.0 * duration_s, self._memory_mb)

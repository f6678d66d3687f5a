"""An environment of a version that this node cannot run: it starts, and every invocation says why not.

AWS accepts such a function as well, and tells its caller at the invocation.
"""

from __future__ import annotations

from typing import Final

from raylambda.model.environment import EnvironmentStarted
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.node.environment.failures import unavailable
from raylambda.node.environment.logging.journal import Journal, Usage
from raylambda.node.runtimes.plan import RuntimeUnavailable

_STATE: Final = "Unrunnable"


class UnrunnableEnvironment:
    """Has neither jail nor process; the rest as ``Environment``."""

    def __init__(self, environment_id: str, absent: RuntimeUnavailable, journal: Journal) -> None:
        self._environment_id = environment_id
        self._absent = absent
        self._journal = journal

    async def start(self) -> EnvironmentStarted:
        self._journal.note("StartRequested", _STATE, self._absent.message)
        return EnvironmentStarted(self._environment_id, init_ms=0.0, init_ok=False)

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """The failure, as a function error; not reusable, because the node may learn to run it."""
        self._journal.invocation_begins(invocation.request_id)
        failure = unavailable(invocation.request_id, self._absent.error_type, self._absent.message)
        return self._journal.invocation_ends(
            invocation.request_id, failure, Usage(0.0, 0), tail=invocation.tail, reusable=False
        )

    async def shutdown(self) -> None:
        self._journal.close()

    def describe(self) -> dict[str, object]:
        return {**self._journal.describe(), "state": _STATE}

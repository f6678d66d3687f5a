"""One event on its way in, what it runs on, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from raylambda.model.function import LATEST, FunctionKey, FunctionVersion
from raylambda.model.principal import Principal


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation of one function version.

    ``request_id`` is the id of the API response, of the guest's context and of the log lines alike (lambda-reference.md 1).
    ``client_context`` is decoded JSON text, not base64. ``tail`` asks for the last 4 KB of the log.
    """

    request_id: str
    payload: bytes
    invoked_arn: str
    trace_id: str = ""
    client_context: str | None = None
    tail: bool = False


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """What the function answered; function errors are results too (lambda-reference.md 7).

    ``function_error`` is ``None`` or ``Unhandled``. ``log_tail`` is raw bytes (at most 4096) and empty unless asked for.
    ``reusable`` is false when the environment must not be leased again.
    """

    payload: bytes
    function_error: str | None = None
    log_tail: bytes = b""
    duration_ms: float = 0.0
    billed_ms: int = 0
    init_ms: float | None = None
    max_memory_mb: int = 0
    reusable: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller of the invoker asks for: an event for a function by name; ``qualifier`` as the client gave it.

    ``principal`` is who asked. A queued event is kept without it: it was allowed when it was accepted.
    """

    account: str
    region: str
    name: str
    qualifier: str | None
    request_id: str
    payload: bytes
    trace_id: str = ""
    client_context: str | None = None
    tail: bool = False
    principal: Principal | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a call runs: one version, and the ARN by which the caller named it.

    ``key`` is the function's; ``qualifier`` is the client's own (``None``, ``$LATEST``, a number or an alias).
    """

    key: FunctionKey
    version: FunctionVersion
    invoked_arn: str
    qualifier: str | None

    @property
    def label(self) -> str:
        """``function:qualifier``, ``$LATEST`` when there was none: how people read the call in lists of Ray's tasks."""
        return f"{self.key[2]}:{self.qualifier or LATEST}"


@dataclass(frozen=True, slots=True)
class Completion:
    """A call that ran: its result, and the version that ran it (a number, or ``$LATEST``)."""

    result: InvocationResult
    executed_version: str


class Invoker(Protocol):
    """Whoever runs calls: ``scheduling.invoker``, and what tests script. Both methods raise ``LambdaError`` and nothing else."""

    async def invoke(self, call: Call) -> Completion:
        """Run the event once; an error says that it did not run, or is not known to have run."""
        ...

    async def check(self, call: Call) -> object:
        """Only find out whether the call names something that can be invoked."""
        ...

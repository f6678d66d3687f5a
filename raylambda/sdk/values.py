"""What the client takes and gives back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from raylambda.sdk.errors import AnswerNotUnderstood, FunctionError

DEFAULT_ROLE = "arn:aws:iam::123456789012:role/raylambda"
"""AWS demands a role; raylambda only keeps it."""


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """The configuration of a function; ``None`` leaves a member to the platform: its default, or what it was before."""

    runtime: str | None = None
    handler: str | None = None
    role: str | None = None
    description: str | None = None
    timeout_s: int | None = None
    memory_mb: int | None = None
    ephemeral_mb: int | None = None
    environment: Mapping[str, str] | None = None

    def members(self) -> dict[str, Any]:
        """The members of a request body."""
        members = {
            "Runtime": self.runtime,
            "Handler": self.handler,
            "Role": self.role,
            "Description": self.description,
            "Timeout": self.timeout_s,
            "MemorySize": self.memory_mb,
            "EphemeralStorage": None if self.ephemeral_mb is None else {"Size": self.ephemeral_mb},
            "Environment": None if self.environment is None else {"Variables": dict(self.environment)},
        }
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class FunctionDescription:
    """A function version as the platform describes it; ``document`` is AWS's ``FunctionConfiguration`` as it came.

    ``code_location`` (a link that works for ten minutes), ``tags`` and ``reserved_concurrency`` come with ``get_function`` only.
    """

    document: Mapping[str, Any] = field(repr=False)
    name: str
    arn: str
    version: str
    runtime: str
    handler: str
    state: str
    last_update_status: str
    memory_mb: int
    timeout_s: int
    code_size: int
    last_modified: str
    code_location: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int | None = None

    @classmethod
    def of(cls, configuration: Mapping[str, Any], **more: Any) -> FunctionDescription:
        return cls(
            document=configuration,
            name=configuration["FunctionName"],
            arn=configuration["FunctionArn"],
            version=configuration.get("Version", ""),
            runtime=configuration.get("Runtime", ""),
            handler=configuration.get("Handler", ""),
            state=configuration.get("State", ""),
            last_update_status=configuration.get("LastUpdateStatus", ""),
            memory_mb=configuration.get("MemorySize", 0),
            timeout_s=configuration.get("Timeout", 0),
            code_size=configuration.get("CodeSize", 0),
            last_modified=configuration.get("LastModified", ""),
            **more,
        )


@dataclass(frozen=True, slots=True)
class AliasDescription:
    """``weights`` maps additional versions to their share of calls, 0.0 to 1.0."""

    name: str
    arn: str
    version: str
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What an invocation gave; ``function_error`` is AWS's word when the function failed, and then ``payload`` tells how.

    ``payload`` is the answer as it came, for ``Event`` and ``DryRun`` nothing. ``log_tail`` is the end of the log as text,
    when asked for.
    """

    status: int
    payload: bytes
    request_id: str
    function_error: str | None = None
    executed_version: str | None = None
    log_tail: str = ""

    @property
    def value(self) -> Any:
        """The payload as a Python value, ``None`` for an empty one; raises ``AnswerNotUnderstood`` when it is not JSON."""
        if not self.payload:
            return None
        try:
            return json.loads(self.payload)
        except (ValueError, RecursionError) as error:
            raise AnswerNotUnderstood(f"the function's answer is not JSON, its bytes are in payload: {error}") from None

    def raise_for_function_error(self) -> InvokeResult:
        """Itself, or ``FunctionError`` when the function failed."""
        if self.function_error is None:
            return self
        try:
            error = json.loads(self.payload)
        except (ValueError, RecursionError):
            error = self.payload.decode("utf-8", "replace")
        raise FunctionError(self.function_error, error, self.log_tail)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """``time_ms``: epoch milliseconds; ``request_id``: the invocation that wrote it, if it was asked for and is known."""

    time_ms: int
    stream: str
    message: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The newest ``limit`` lines not older than ``since_ms`` and older than ``until_ms`` (epoch milliseconds), of one ``stream`` or all.

    ``text`` must be in a line; ``request_id`` wants those of one invocation, and ``requests`` the id of each line's. ``follow``
    goes on as lines are written.
    """

    since_ms: int | None = None
    limit: int | None = None
    stream: str | None = None
    follow: bool = False
    until_ms: int | None = None
    text: str | None = None
    request_id: str | None = None
    requests: bool = False

    def parameters(self) -> dict[str, str]:
        """The parameters of the request."""
        given = {
            "since": self.since_ms,
            "until": self.until_ms,
            "limit": self.limit,
            "stream": self.stream,
            "filter": self.text,
            "request": self.request_id,
            "requests": "true" if self.requests else None,
            "follow": "true" if self.follow else None,
        }
        return {name: str(value) for name, value in given.items() if value is not None}

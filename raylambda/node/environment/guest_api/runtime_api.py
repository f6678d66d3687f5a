"""The Runtime API 2018-06-01 (lambda-reference.md 8), served to one environment from the host's own event loop.

What a request means for the environment is decided by its life cycle: every state-changing request becomes an event, and a
refused event becomes the documented 403. How requests come is the business of ``server.py``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from raylambda.model.limits import RESPONSE_PAYLOAD_BYTES
from raylambda.node.environment.events import InitErrorReported, RuntimeAnswered, RuntimeAsksNext
from raylambda.node.environment.failures import (
    Failed,
    Responded,
    invalid_response_mode,
    reported,
    reported_init,
    response_too_large,
)
from raylambda.node.environment.guest_api.http_connection import Connection, reply
from raylambda.node.environment.guest_api.http_request import Request
from raylambda.node.environment.guest_api.server import NOT_FOUND, TRUNCATED, error_reply
from raylambda.node.environment.lifecycle import Refused, State

RUNTIME_API: Final = "2018-06-01"
"""The first part of its paths."""
_INVOCATION: Final = f"/{RUNTIME_API}/runtime/invocation/"
_NEXT: Final = f"{_INVOCATION}next"
_INIT_ERROR: Final = f"/{RUNTIME_API}/runtime/init/error"
_PING: Final = f"/{RUNTIME_API}/ping"

_ERROR_TYPE: Final = b"lambda-runtime-function-error-type"
_ERROR_BODY: Final = b"lambda-runtime-function-error-body"
_RESPONSE_MODE: Final = b"lambda-runtime-function-response-mode"
_ERROR_CAUSE_JSON: Final = "application/vnd.aws.lambda.error.cause+json"
_ERROR_TYPES: Final = re.compile(r"(?:Runtime|Function)\.[A-Z][a-zA-Z]+")
_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f]+")

_ACCEPTED: Final = reply(202, b'{"status":"OK"}\n')
_PONG: Final = reply(200, b"pong", "text/plain; charset=utf-8")
_BAD_METHOD: Final = reply(405, b"", "text/plain; charset=utf-8")
_INVALID_ID: Final = error_reply(400, "InvalidRequestID", "Invalid request ID")
_INVALID_MODE: Final = error_reply(400, "InvalidFunctionResponseMode", "Invalid function response mode")
_TOO_LARGE: Final = error_reply(
    413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES} bytes)."
)

_RUNTIME_STATES: Final = {
    State.INITIALIZING: "Started",
    State.RESTARTING: "Started",
    State.READY: "Ready",
    State.RUNNING: "Running",
    State.RESPONSE_SENT: "RuntimeResponseSentState",
    State.QUEUED: "RuntimeResponseSentState",
}
"""AWS's names of the runtime's states; in all others there is no runtime, or no longer."""


def _refused(state: State, target: str) -> bytes:
    start = _RUNTIME_STATES.get(state, "Exited")
    text = f"State transition from {start} to {target} failed for runtime. Error: State transition is not allowed"
    return error_reply(403, "InvalidStateTransition", text)


@dataclass(frozen=True, slots=True)
class EventHead:
    """What goes before the event in the reply to ``next``; empty texts are left out."""

    request_id: str
    deadline_ms: int
    invoked_arn: str
    trace_id: str = ""
    client_context: str = ""

    def encode(self, size: int) -> bytes:
        """The reply's status line and headers for an event of ``size`` bytes."""
        lines = [
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ",
            str(size),
            "\r\nLambda-Runtime-Aws-Request-Id: ",
            _one_line(self.request_id),
            "\r\nLambda-Runtime-Deadline-Ms: ",
            str(self.deadline_ms),
            "\r\nLambda-Runtime-Invoked-Function-Arn: ",
            _one_line(self.invoked_arn),
        ]
        if self.trace_id:
            lines += ("\r\nLambda-Runtime-Trace-Id: ", _one_line(self.trace_id))
        if self.client_context:
            lines += ("\r\nLambda-Runtime-Client-Context: ", _one_line(self.client_context))
        lines.append("\r\n\r\n")
        return "".join(lines).encode("utf-8", "replace")


def _one_line(text: str) -> str:
    """A header value that stays one: JSON keeps its meaning, because raw control characters are only space in it."""
    return text if text.isprintable() else _CONTROL_CHARACTERS.sub(" ", text)


RuntimeEvent = RuntimeAsksNext | RuntimeAnswered | InitErrorReported


class RuntimeApi:
    """A ``GuestApi``.

    ``tell`` takes what the runtime does, and raises ``Refused``; it may call ``deliver`` before it returns. ``running_id`` gives
    the id of the invocation that may be answered now.
    """

    def __init__(self, tell: Callable[[RuntimeEvent], None], running_id: Callable[[], str | None]) -> None:
        self._tell = tell
        self._running_id = running_id
        self._waiting: Connection | None = None
        self._undelivered: tuple[bytes, bytes] | None = None
        self._operations: dict[str, Callable[[Connection, Request], bytes | None]] = {
            f"GET {_PING}": lambda _, __: _PONG,
            f"GET {_NEXT}": self._next,
            f"POST {_INIT_ERROR}": self._init_error,
        }

    def deliver(self, head: EventHead, payload: bytes) -> None:
        """Answer the ``next`` that waits, or the next one if the connection that waited has just been lost."""
        waiting, self._waiting = self._waiting, None
        event = (head.encode(len(payload)), payload)
        delivered = waiting is not None and waiting.answer(*event)
        self._undelivered = None if delivered else event

    # ---- the server's API

    def body_limit(self, request: Request) -> int:
        path = request.path
        answers = path.startswith(_INVOCATION) and path[len(_INVOCATION) :].partition("/")[0] == self._running_id()
        return RESPONSE_PAYLOAD_BYTES if request.method == "POST" and (answers or path == _INIT_ERROR) else 0

    def handle(self, connection: Connection, request: Request) -> bytes | None:
        operation = self._operations.get(f"{request.method} {request.path}")
        return self._invocation(request) if operation is None else operation(connection, request)

    def lost(self, connection: Connection) -> None:
        if connection is self._waiting:
            self._waiting = None

    def forget(self) -> None:
        self._waiting = self._undelivered = None

    # ---- the operations

    def _next(self, connection: Connection, _: Request) -> bytes | None:
        if self._undelivered is not None:
            event, self._undelivered = self._undelivered, None
            return b"".join(event)
        before, self._waiting = self._waiting, connection
        try:
            self._tell(RuntimeAsksNext())
        except Refused as refused:
            self._waiting = before
            return _refused(refused.state, "Ready")
        return None

    def _init_error(self, _: Connection, request: Request) -> bytes:
        if request.over_limit or request.superseded:
            return _TOO_LARGE if request.over_limit else TRUNCATED
        failure = reported_init(_error_type(request.header(_ERROR_TYPE)), request.body)
        try:
            self._tell(InitErrorReported(failure))
        except Refused as refused:
            return _refused(refused.state, "InitError")
        return _ACCEPTED

    def _invocation(self, request: Request) -> bytes:
        if not request.path.startswith(_INVOCATION):
            known = request.path in {_PING, _INIT_ERROR}
            return _BAD_METHOD if known else NOT_FOUND
        request_id, _, verb = request.path[len(_INVOCATION) :].partition("/")
        if verb not in {"response", "error"}:
            return _BAD_METHOD if request.path == _NEXT else NOT_FOUND
        if request.method != "POST":
            return _BAD_METHOD
        if request_id != self._running_id():
            return _INVALID_ID
        if request.superseded:
            return TRUNCATED
        result, answer = _read_response(request, request_id) if verb == "response" else _read_error(request)
        self._tell(RuntimeAnswered(result))
        return answer


def _read_response(request: Request, request_id: str) -> tuple[Responded | Failed, bytes]:
    mode = request.header(_RESPONSE_MODE)
    if mode and mode.lower() != "streaming":
        return invalid_response_mode(request_id), _INVALID_MODE
    if request.over_limit:
        return response_too_large(), _TOO_LARGE
    trailer = request.trailers.get(_ERROR_TYPE)
    if mode and trailer is not None:
        error_type = _error_type(trailer.decode("latin-1"))
        return reported(error_type, _trailer_body(request.trailers.get(_ERROR_BODY, b""), error_type)), _ACCEPTED
    return Responded(request.body), _ACCEPTED


def _read_error(request: Request) -> tuple[Failed, bytes]:
    if request.over_limit:
        return response_too_large(), _TOO_LARGE
    body = request.body
    if request.header(b"content-type") == _ERROR_CAUSE_JSON:
        body = _without_cause(body)
    return reported(_error_type(request.header(_ERROR_TYPE)), body), _ACCEPTED


def _error_type(text: str) -> str:
    """AWS keeps a type only if it looks like one of its own."""
    if _ERROR_TYPES.fullmatch(text):
        return text
    return "Function.Unknown" if text.startswith("Function.") else "Runtime.Unknown"


def _without_cause(body: bytes) -> bytes:
    """The caller's part of an error that carries an X-Ray cause."""
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        return b'"Invalid error body"'
    kept = {name: members[name] for name in ("errorMessage", "errorType", "stackTrace") if name in members}
    return json.dumps(kept, separators=(",", ":")).encode()


def _trailer_body(text: bytes, error_type: str) -> bytes:
    """The error that a streaming response ended with: base64 of JSON."""
    try:
        return base64.b64decode(text, validate=True) or json.dumps({"errorType": error_type}).encode()
    except binascii.Error:
        return json.dumps({"errorType": error_type}).encode()

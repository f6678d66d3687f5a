"""The Runtime API 2018-06-01 (lambda-reference.md 8), served to one environment from the host's own event loop.

The listening socket comes out of the jail, so whoever reaches it is a process of this guest. ``RuntimeApi`` reads and
writes; what a request means for the environment is decided by its life cycle: every state-changing request becomes an
event, and a refused event becomes the documented 403.

A guest cannot make the host work for others less: connections are few, requests cost credit that invocations earn, and at
most one answer is being received at a time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import socket
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
from raylambda.node.environment.guest_api.listener import Listener
from raylambda.node.environment.lifecycle import Refused, State

CONNECTIONS: Final = 32
"""Open at once; a runtime needs one or two, ten extensions a few more."""
CREDIT: Final = 1000
"""Requests and connections without an invocation between them; an invocation needs two requests."""
CREDIT_WAIT_S: Final = 0.05
"""Without credit, each connection is served once in this time."""

_VERSION: Final = "/2018-06-01"
_INVOCATION: Final = f"{_VERSION}/runtime/invocation/"
_NEXT: Final = f"{_INVOCATION}next"
_INIT_ERROR: Final = f"{_VERSION}/runtime/init/error"
_PING: Final = f"{_VERSION}/ping"

_ERROR_TYPE: Final = b"lambda-runtime-function-error-type"
_ERROR_BODY: Final = b"lambda-runtime-function-error-body"
_RESPONSE_MODE: Final = b"lambda-runtime-function-response-mode"
_ERROR_CAUSE_JSON: Final = "application/vnd.aws.lambda.error.cause+json"
_ERROR_TYPES: Final = re.compile(r"(?:Runtime|Function)\.[A-Z][a-zA-Z]+")
_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f]+")


def _error(status: int, error_type: str, message: str) -> bytes:
    body = json.dumps({"errorMessage": message, "errorType": error_type}, separators=(",", ":"))
    return reply(status, body.encode())


_ACCEPTED: Final = reply(202, b'{"status":"OK"}\n')
_PONG: Final = reply(200, b"pong", "text/plain; charset=utf-8")
_NOT_FOUND: Final = reply(404, b"404 page not found\n", "text/plain; charset=utf-8")
_BAD_METHOD: Final = reply(405, b"", "text/plain; charset=utf-8")
_INVALID_ID: Final = _error(400, "InvalidRequestID", "Invalid request ID")
_INVALID_MODE: Final = _error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
_TRUNCATED: Final = _error(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
_TOO_LARGE: Final = _error(
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
    return _error(403, "InvalidStateTransition", text)


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
    """The server of one environment; a ``Service`` of its connections.

    ``feed`` takes what the runtime does, and raises ``Refused``; it may call ``deliver`` before it returns. ``running_id`` gives
    the id of the invocation that may be answered now.
    """

    truncated = _TRUNCATED

    def __init__(self, feed: Callable[[RuntimeEvent], None], running_id: Callable[[], str | None]) -> None:
        self._feed = feed
        self._running_id = running_id
        self._connections: set[Connection] = set()
        self._waiting: Connection | None = None
        self._undelivered: tuple[bytes, bytes] | None = None
        self._uploading: Connection | None = None
        self._credit = CREDIT
        self._listener: Listener | None = None
        self._handlers: dict[str, Callable[[Connection, Request], bytes | None]] = {
            f"GET {_PING}": lambda _, __: _PONG,
            f"GET {_NEXT}": self._next,
            f"POST {_INIT_ERROR}": self._init_error,
        }

    def serve(self, listening: socket.socket) -> None:
        """Serve the connections of ``listening``, which stays its owner's to close."""
        self._listener = Listener(listening, lambda: Connection(self), self._take_credit)

    def deliver(self, head: EventHead, payload: bytes) -> None:
        """Answer the ``next`` that waits, or the next one if the connection that waited has just been lost."""
        waiting, self._waiting = self._waiting, None
        self._credit = CREDIT
        event = (head.encode(len(payload)), payload)
        delivered = waiting is not None and waiting.answer(*event)
        self._undelivered = None if delivered else event

    def forget(self) -> None:
        """Drop all connections, those not yet accepted too: their processes are dead, what they sent is stale."""
        if self._listener is not None:
            self._listener.drain()
        self._waiting = self._uploading = self._undelivered = None
        for connection in tuple(self._connections):
            connection.abort()
        self._connections.clear()
        self._credit = CREDIT

    def close(self) -> None:
        """Serve no more."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.forget()

    # ---- the connections' service

    def opened(self, connection: Connection) -> bool:
        if self._listener is None or len(self._connections) >= CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection is self._uploading:
            self._uploading = None
        if connection is self._waiting:
            self._waiting = None

    def body_limit(self, connection: Connection, request: Request) -> int:
        """Bodies are kept of one request at a time, the newest, and only if it may have an effect."""
        path = request.path
        answers = path.startswith(_INVOCATION) and path[len(_INVOCATION) :].partition("/")[0] == self._running_id()
        if request.method != "POST" or not (answers or path == _INIT_ERROR):
            return 0
        if self._uploading is not None and self._uploading is not connection:
            self._uploading.forget_body()
        self._uploading = connection
        return RESPONSE_PAYLOAD_BYTES

    def handle(self, connection: Connection, request: Request) -> bytes | None:
        if not self._take_credit():
            connection.pause("credit")
            asyncio.get_running_loop().call_later(CREDIT_WAIT_S, connection.resume, "credit")
        if connection is self._uploading:
            self._uploading = None
        handler = self._handlers.get(f"{request.method} {request.path}")
        if handler is not None:
            return handler(connection, request)
        return self._invocation(request)

    def _take_credit(self) -> bool:
        self._credit = max(self._credit - 1, 0)
        return self._credit > 0

    # ---- the operations

    def _next(self, connection: Connection, _: Request) -> bytes | None:
        if self._undelivered is not None:
            event, self._undelivered = self._undelivered, None
            return b"".join(event)
        before, self._waiting = self._waiting, connection
        try:
            self._feed(RuntimeAsksNext())
        except Refused as refused:
            self._waiting = before
            return _refused(refused.state, "Ready")
        return None

    def _init_error(self, _: Connection, request: Request) -> bytes:
        if request.over_limit or request.superseded:
            return _TOO_LARGE if request.over_limit else _TRUNCATED
        failure = reported_init(_error_type(request.header(_ERROR_TYPE)), request.body)
        try:
            self._feed(InitErrorReported(failure))
        except Refused as refused:
            return _refused(refused.state, "InitError")
        return _ACCEPTED

    def _invocation(self, request: Request) -> bytes:
        if not request.path.startswith(_INVOCATION):
            known = request.path in {_PING, _INIT_ERROR}
            return _BAD_METHOD if known else _NOT_FOUND
        request_id, _, verb = request.path[len(_INVOCATION) :].partition("/")
        if verb not in {"response", "error"}:
            return _BAD_METHOD if request.path == _NEXT else _NOT_FOUND
        if request.method != "POST":
            return _BAD_METHOD
        if request_id != self._running_id():
            return _INVALID_ID
        if request.superseded:
            return _TRUNCATED
        result, answer = _read_response(request, request_id) if verb == "response" else _read_error(request)
        self._feed(RuntimeAnswered(result))
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

"""The outermost part of the front door: every request gets an id, and every failure an answer that says no more than it should."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raylambda.model.errors import LambdaError, ServiceException

REQUEST_ID = "raylambda.request_id"
"""The key of the request id in an ASGI scope."""

_log = structlog.get_logger(__name__)


def error_response(error: LambdaError) -> Response:
    """The answer that AWS gives for an error (lambda-reference.md 1)."""
    return JSONResponse(error.body(), error.status, error.headers())


class AlwaysAnswer:
    """ASGI middleware: gives requests their id and answers whatever was raised inside."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID] = self._new_id()
        answer = _Answer(send, scope[REQUEST_ID])
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            _log.debug("client_gone", request_id=scope[REQUEST_ID])
        except Exception as error:
            if answer.begun:
                raise  # the server cuts the connection: the client must not take the part for the whole
            await error_response(_wire_error(error, scope))(scope, receive, answer.send)


class _Answer:
    """Adds the request id to the answer that passes through, and knows whether one has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id_header = (b"x-amzn-requestid", request_id.encode())
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message["headers"] = [*message.get("headers", ()), self._id_header]
        await self._send(message)


def _wire_error(error: Exception, scope: Scope) -> LambdaError:
    if isinstance(error, LambdaError):
        return error
    _log.error("request_failed", request_id=scope[REQUEST_ID], method=scope["method"], exc_info=error)
    return ServiceException("An error occurred and the request cannot be processed.")

"""The server of one environment's guest APIs: connections, credit and bodies, whichever API a request is for.

The listening socket comes out of the jail, so whoever reaches it is a process of this guest. A guest cannot make the host work for
others less: connections are few, requests cost credit that invocations earn, and at most one body is being received at a time.

Each of AWS's APIs has the first part of its paths for itself (``/2018-06-01/``: the Runtime API); ``GuestApi`` is what such a one
has to do.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Final, Protocol

from raylambda.node.environment.guest_api.http_connection import Connection, reply
from raylambda.node.environment.guest_api.http_request import Request
from raylambda.node.environment.guest_api.listener import Listener

CONNECTIONS: Final = 32
"""Open at once; a runtime needs one or two, ten extensions a few more."""
CREDIT: Final = 1000
"""Requests and connections without an invocation between them; an invocation needs two requests."""
CREDIT_WAIT_S: Final = 0.05
"""Without credit, each connection is served once in this time."""


def error_reply(status: int, error_type: str, message: str) -> bytes:
    """A refusal in the form that all of AWS's guest APIs have."""
    body = json.dumps({"errorMessage": message, "errorType": error_type}, separators=(",", ":"))
    return reply(status, body.encode())


NOT_FOUND: Final = reply(404, b"404 page not found\n", "text/plain; charset=utf-8")
TRUNCATED: Final = error_reply(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")


class GuestApi(Protocol):
    """One API: what its requests mean, and nothing of how they come."""

    def body_limit(self, request: Request) -> int:
        """How many bytes of the body to keep: 0 unless the request may have an effect. Asked when its head is complete."""
        ...

    def handle(self, connection: Connection, request: Request) -> bytes | None:
        """The whole reply, or ``None`` for one that comes later by ``Connection.answer``."""
        ...

    def lost(self, connection: Connection) -> None:
        """The connection is gone, whatever was asked on it."""
        ...

    def forget(self) -> None:
        """All processes of the guest are dead; what they asked is stale."""
        ...


class GuestServer:
    """Serves ``apis``, which are known by the first part of their paths; the ``Server`` of its connections."""

    truncated = TRUNCATED

    def __init__(self, apis: Mapping[str, GuestApi]) -> None:
        self._apis = apis
        self._connections: set[Connection] = set()
        self._uploading: Connection | None = None
        self._credit = CREDIT
        self._listener: Listener | None = None

    def serve(self, listening: socket.socket) -> None:
        """Serve the connections of ``listening``, which stays its owner's to close."""
        self._listener = Listener(listening, lambda: Connection(self), self._take_credit)

    def renew_credit(self) -> None:
        """An invocation is delivered: the guest has earned what it asks for."""
        self._credit = CREDIT

    def forget(self) -> None:
        """Drop all connections, those not yet accepted too: their processes are dead, what they sent is stale."""
        if self._listener is not None:
            self._listener.drain()
        for api in self._apis.values():
            api.forget()
        self._uploading = None
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

    # ---- the connections' server

    def opened(self, connection: Connection) -> bool:
        if self._listener is None or len(self._connections) >= CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection is self._uploading:
            self._uploading = None
        for api in self._apis.values():
            api.lost(connection)

    def body_limit(self, connection: Connection, request: Request) -> int:
        """Bodies are kept of one request at a time, the newest."""
        api = self._api_of(request)
        limit = 0 if api is None else api.body_limit(request)
        if limit:
            if self._uploading is not None and self._uploading is not connection:
                self._uploading.forget_body()
            self._uploading = connection
        return limit

    def handle(self, connection: Connection, request: Request) -> bytes | None:
        if not self._take_credit():
            connection.pause("credit")
            asyncio.get_running_loop().call_later(CREDIT_WAIT_S, connection.resume, "credit")
        if connection is self._uploading:
            self._uploading = None
        api = self._api_of(request)
        return NOT_FOUND if api is None else api.handle(connection, request)

    def _api_of(self, request: Request) -> GuestApi | None:
        return self._apis.get(request.path[1:].partition("/")[0])

    def _take_credit(self) -> bool:
        self._credit = max(self._credit - 1, 0)
        return self._credit > 0

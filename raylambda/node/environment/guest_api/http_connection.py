"""One connection of a guest, and the replies on it.

A peer that breaks the rules loses its connection, and nothing else happens. There is no task and no future per request: a
request that has come to its end goes to ``Server.handle``, which answers at once, or later (the long poll).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol, cast

import httptools

from raylambda.node.environment.guest_api.http_request import (
    HEAD_BYTES,
    BrokenRules,
    HeadTooLarge,
    Request,
    RequestReader,
)

_LOG: Final = logging.getLogger(__name__)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {
    200: b"OK",
    202: b"Accepted",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Request Entity Too Large",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
}


class Server(Protocol):
    """Whose connections they are. ``truncated`` is the reply to a request whose end never came."""

    truncated: bytes

    def body_limit(self, connection: Connection, request: Request) -> int:
        """How many bytes of the body are worth keeping; asked when the head is complete."""
        ...

    def handle(self, connection: Connection, request: Request) -> bytes | None:
        """The whole reply (``reply``), or ``None`` for one that comes later by ``Connection.answer``."""
        ...

    def opened(self, connection: Connection) -> bool:
        """Whether the connection may stay."""
        ...

    def closed(self, connection: Connection) -> None:
        """The connection is gone; called once for each that was opened."""
        ...


def reply(status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """A whole reply with a body."""
    head = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1")
    return b"HTTP/1.1 %d %s\r\n" % (status, _REASONS[status]) + head + body


class Connection(asyncio.Protocol):
    """The server may call ``answer`` (once for each ``None`` of ``handle``), ``forget_body``, ``pause``, ``resume`` and ``abort``."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = RequestReader(self._begin, self._serve)
        self._transport: asyncio.Transport | None = None
        self._closes = False
        self._pauses: set[str] = set()

    def answer(self, head: bytes, body: bytes = b"") -> bool:
        """Send the reply that was owed, its body apart or not; false when the connection is gone."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if len(body) < HEAD_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        if self._closes:
            transport.close()
        self._reader.expects = not self._closes
        return True

    def forget_body(self) -> None:
        """Throw the body of the request away that is being read."""
        self._reader.forget_body()

    def pause(self, reason: str) -> None:
        """Read no more until this reason, and every other one, is gone."""
        self._pauses.add(reason)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self, reason: str) -> None:
        """Read on if there is no other reason not to."""
        self._pauses.discard(reason)
        if not self._pauses and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection without another word."""
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.opened(self):
            self._transport.abort()
            self._transport = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._server.closed(self)

    def eof_received(self) -> None:
        """A client that will send no more is gone for us; asyncio closes the connection then."""
        if self._reader.in_request and self._transport is not None:
            self._transport.write(self._server.truncated)
        self.connection_lost(None)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.take(data)
        except BrokenRules:
            self.abort()
        except HeadTooLarge:
            self._refuse(431)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)
        except Exception:
            _LOG.exception("a request of a guest failed here")
            self._refuse(500)

    def pause_writing(self) -> None:
        self.pause("unread")

    def resume_writing(self) -> None:
        self.resume("unread")

    # ---- the reader's callbacks

    def _begin(self, request: Request) -> int:
        if request.headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(_CONTINUE)
        return self._server.body_limit(self, request)

    def _serve(self, request: Request) -> None:
        self._closes = request.last
        self._reader.expects = False
        answer = self._server.handle(self, request)
        if answer is not None:
            self.answer(answer)

    def _refuse(self, status: int) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 %d %s\r\nConnection: close\r\n\r\n" % (status, _REASONS[status]))
            self._transport.close()

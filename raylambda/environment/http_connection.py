"""HTTP/1.1 as a guest speaks it: one connection, its requests in order, everything bounded.

The peer is hostile: it may send garbage, headers without end, bodies of any size, many requests at once, or nothing at
all, and it may never read. One connection keeps at most one request, ``HEAD_BYTES`` of its head and trailers, and as much
of its body as the service allows; what is over that is read and thrown away, so that an honest client that sends before it
reads still gets its 413. A peer that breaks the rules loses its connection and nothing else happens.

No task and no future per request: the parser's callbacks end in ``Service.handle``, which answers at once, or keeps the
connection and answers later (the long poll).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

import httptools

HEAD_BYTES: Final = 128 * 1024
"""Request line and headers, and again trailers; AWS allows an X-Ray cause of 64 KB in a header."""
REQUESTS_PER_READ: Final = 16
"""More pipelined requests in one piece than any client sends."""

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


@dataclass(slots=True)
class Request:
    """One request; header names are lower case. ``over_limit`` when its body was longer than what was kept.

    ``superseded`` when its body was thrown away for a newer one's sake.
    """

    method: str = ""
    path: str = ""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    trailers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    over_limit: bool = False
    superseded: bool = False

    def header(self, name: bytes) -> str:
        """The header's text, empty when it is absent."""
        return self.headers.get(name, b"").decode("latin-1")


class Service(Protocol):
    """What a connection serves. ``truncated`` is the reply to a request whose end never came."""

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


_LOG: Final = logging.getLogger(__name__)


class _BrokenRules(Exception):
    """The peer does what no client does; the connection ends."""


class Connection(asyncio.Protocol):
    """One connection of a guest. The service may call ``answer`` (once for each ``None`` of ``handle``) and ``abort``."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._url = b""
        self._body: bytes | bytearray = b""
        self._body_room = 0
        self._in_message = False
        self._in_body = False
        self._head_bytes = 0
        self._quiet_bytes = 0
        self._requests_in_read = 0
        self._blocked = False
        self._last = False
        self._pauses: set[str] = set()

    # ---- for the service

    def answer(self, data: bytes, body: bytes = b"") -> bool:
        """Send the reply that was owed; false when the connection is gone. ``body`` may come apart from its head."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        self._blocked = False
        if body:
            transport.write(data + body) if len(body) < HEAD_BYTES else transport.writelines((data, body))
        else:
            transport.write(data)
        if self._last:
            transport.close()
        return True

    def forget_body(self) -> None:
        """Throw the body of the request away that is being read, what is still to come of it too."""
        self._body = b""
        self._body_room = -1
        self._request.superseded = True

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
        if not self._service.opened(self):
            self._transport.abort()
            self._transport = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def eof_received(self) -> None:
        if self._in_message and self._transport is not None:
            self._transport.write(self._service.truncated)
        transport = self._transport
        self._leave()
        if transport is not None:
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._quiet_bytes += len(data)
        self._requests_in_read = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._close()
        except httptools.HttpParserCallbackError as error:
            self._fail(error.__context__)
        except httptools.HttpParserError:
            self._refuse(400)
        if self._quiet_bytes > HEAD_BYTES:
            self._refuse(431)

    def pause_writing(self) -> None:
        self.pause("unread")

    def resume_writing(self) -> None:
        self.resume("unread")

    # ---- the parser's callbacks

    def on_message_begin(self) -> None:
        self._requests_in_read += 1
        if self._blocked or self._last or self._requests_in_read > REQUESTS_PER_READ:
            raise _BrokenRules
        self._request = Request()
        self._url = b""
        self._in_message = True
        self._in_body = False
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        kept = self._request.trailers if self._in_body else self._request.headers
        kept[name.lower()] = value

    def on_headers_complete(self) -> None:
        request = self._request
        request.method = self._parser.get_method().decode("ascii", "replace")
        request.path = self._url.partition(b"?")[0].decode("latin-1")
        self._in_body = True
        self._head_bytes = 0
        self._body = b""
        self._body_room = self._service.body_limit(self, request)
        if request.headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(_CONTINUE)

    def on_chunk_header(self) -> None:
        self._quiet_bytes = 0

    def on_body(self, body: bytes) -> None:
        self._quiet_bytes = 0
        self._body_room -= len(body)
        if self._body_room >= 0:
            self._keep(body)
        else:
            self._body = b""
            self._request.over_limit = True

    def on_message_complete(self) -> None:
        self._quiet_bytes = 0
        self._in_message = False
        request = self._request
        request.body = bytes(self._body)
        self._body = b""
        self._last = not self._parser.should_keep_alive()
        self._blocked = True
        answer = self._service.handle(self, request)
        if answer is not None:
            self.answer(answer)

    def _leave(self) -> None:
        if self._transport is not None:
            self._transport = None
            self._body = b""
            self._service.closed(self)

    def _keep(self, body: bytes) -> None:
        """One copy at most for a body in one piece, and no more than its size for one in a million pieces."""
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body + body)

    def _count_head(self, size: int) -> None:
        self._quiet_bytes = 0
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise _BrokenRules

    def _fail(self, reason: BaseException | None) -> None:
        if isinstance(reason, _BrokenRules):
            self.abort()
        else:
            _LOG.error("a request of a guest failed here", exc_info=reason)
            self._refuse(500)

    def _refuse(self, status: int) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 %d %s\r\nConnection: close\r\n\r\n" % (status, _REASONS[status]))
            self._transport.close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

"""HTTP/1.1 requests out of bytes from a hostile peer: in order, one at a time, everything bounded (no I/O).

Of a request are kept: its line, headers and trailers up to ``HEAD_BYTES`` each, and as much of its body as ``on_head`` allows;
what is over that is read and thrown away, so that an honest client that sends before it reads still gets its 413.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httptools

HEAD_BYTES: Final = 128 * 1024
"""Request line and headers, and again trailers; AWS allows an X-Ray cause of 64 KB in a header."""
REQUESTS_PER_READ: Final = 16
"""More pipelined requests in one piece than any client sends."""


class BrokenRules(Exception):
    """The peer does what no client does; it deserves no reply."""


class HeadTooLarge(Exception):
    """More than ``HEAD_BYTES`` came without a request, a header or a piece of a body coming to its end."""


@dataclass(slots=True)
class Request:
    """One request; header names are lower case. ``over_limit`` when its body was longer than what was kept.

    ``superseded`` when its body was thrown away for a newer one's sake. ``last`` when the client wants no further reply on
    this connection.
    """

    method: str = ""
    path: str = ""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    trailers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    over_limit: bool = False
    superseded: bool = False
    last: bool = False

    def header(self, name: bytes) -> str:
        """The header's text, empty when it is absent."""
        return self.headers.get(name, b"").decode("latin-1")


class RequestReader:
    """Calls ``on_head`` with each complete head (it returns how many bytes of the body to keep), and ``on_request`` with each
    complete request. ``expects`` is set by its user: a request that begins while it is false breaks the rules.
    """

    def __init__(self, on_head: Callable[[Request], int], on_request: Callable[[Request], None]) -> None:
        self._on_head = on_head
        self._on_request = on_request
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._url = b""
        self._body: bytes | bytearray = b""
        self._body_room = 0
        self._in_body = False
        self._head_bytes = 0
        self._quiet_bytes = 0
        self._requests_in_read = 0
        self.expects = True
        self.in_request = False

    def take(self, data: bytes) -> None:
        """Take bytes as they come.

        Raises ``BrokenRules``, ``HeadTooLarge``, ``httptools.HttpParserUpgrade``, ``httptools.HttpParserError`` for bytes that are
        no HTTP, and whatever ``on_head`` and ``on_request`` raise; nothing can be read after any of them.
        """
        self._quiet_bytes += len(data)
        self._requests_in_read = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None
        if self._quiet_bytes > HEAD_BYTES:
            raise HeadTooLarge

    def forget_body(self) -> None:
        """Throw the body of the request away that is being read, what is still to come of it too."""
        self._body = b""
        self._body_room = -1
        self._request.superseded = True

    # ---- the parser's callbacks

    def on_message_begin(self) -> None:
        self._requests_in_read += 1
        if not self.expects or self._requests_in_read > REQUESTS_PER_READ:
            raise BrokenRules
        self._request = Request()
        self._url = b""
        self._in_body = False
        self._head_bytes = 0
        self.in_request = True

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
        self._body_room = self._on_head(request)

    def on_chunk_header(self) -> None:
        self._quiet_bytes = 0

    def on_body(self, body: bytes) -> None:
        self._quiet_bytes = 0
        self._body_room -= len(body)
        if self._body_room < 0:
            self._body = b""
            self._request.over_limit = True
        elif not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body + body)

    def on_message_complete(self) -> None:
        self._quiet_bytes = 0
        self.in_request = False
        request = self._request
        request.body = bytes(self._body)
        request.last = not self._parser.should_keep_alive()
        self._body = b""
        self._on_request(request)

    def _count_head(self, size: int) -> None:
        self._quiet_bytes = 0
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise BrokenRules

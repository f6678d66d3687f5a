"""One keep-alive connection as bytes out and bytes in: HTTP/1.1 without a socket, the same for both clients.

The peer is not trusted: heads, answers and lines have limits, and what is no HTTP or breaks off is ``AnswerBroken``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import h11

from raylambda.sdk.errors import ClientError
from raylambda.sdk.signing import FileBody, HttpRequest

HEAD_BYTES: Final = 65_536
ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Ten times the largest answer of a function; what a status with all details has is less."""
READ_BYTES: Final = 65_536


class AnswerBroken(Exception):
    """The answer is no HTTP, too large, or ended too early."""


class LinkLost(Exception):
    """The connection failed; ``whole``: the request had gone out to its last byte, so the peer may have acted on it."""

    def __init__(self, why: Exception, *, whole: bool) -> None:
        super().__init__(why)
        self.why = why
        self.whole = whole


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def may_repeat(request: HttpRequest, lost: LinkLost, *, reused: bool) -> bool:
    """Whether to try once more: a server may close an idle connection just when the next request goes out on it.

    Nothing that could have run is sent again: either the request was cut, and its length says so, or it only reads.
    """
    return reused and (not lost.whole or request.method == "GET")


class HttpPeer:
    """Requests and answers of one connection, one after the other."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        self._pieces: list[bytes] = []
        self._head: tuple[int, dict[str, str]] | None = None

    def request(self, request: HttpRequest) -> Iterator[bytes]:
        """The bytes of a request, to be sent in order; raises ``ClientError`` for a name or a key that no header can carry."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        self._head = None
        headers = [(name.encode("ascii"), value.encode("utf-8")) for name, value in request.headers.items()]
        try:
            head = h11.Request(method=request.method, target=request.target, headers=headers)
        except h11.LocalProtocolError as error:
            raise ClientError(f"the request cannot be sent: {error}") from None
        yield self._http.send(head) or b""
        for piece in request.body.pieces() if isinstance(request.body, FileBody) else [request.body]:
            yield self._http.send(h11.Data(data=piece)) or b""
        self._http.send(h11.EndOfMessage())

    def receive(self, data: bytes) -> None:
        """Take what came, nothing when the peer closed; raises ``AnswerBroken``."""
        if not data and self._head is None:
            raise AnswerBroken("the connection was closed before an answer came")
        try:
            self._http.receive_data(data)
            while not self.complete:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return
                if isinstance(event, h11.Response):
                    self._head = (event.status_code, _headers(event))
                elif isinstance(event, h11.Data):
                    self._pieces.append(bytes(event.data))
        except h11.RemoteProtocolError as error:
            raise AnswerBroken(f"not a whole answer of HTTP: {error}") from None

    @property
    def head(self) -> tuple[int, dict[str, str]] | None:
        """Status and headers, as soon as they came."""
        return self._head

    @property
    def complete(self) -> bool:
        """Whether the answer has come to its end."""
        return self._head is not None and self._http.their_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED}

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: both sides are done, want to go on, and nothing came uninvited."""
        both = {self._http.our_state, self._http.their_state}
        return both == {h11.DONE} and self._http.trailing_data == (b"", False)

    def take(self) -> bytes:
        """What came of the body since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


class Body:
    """An answer's body, gathered up to ``ANSWER_BYTES``."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Raises ``AnswerBroken`` when it gets too large."""
        self._size += len(piece)
        if self._size > ANSWER_BYTES:
            raise AnswerBroken(f"the answer is larger than {ANSWER_BYTES // 1024 // 1024} MB")
        self._pieces.append(piece)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


class Lines:
    """A body without an end, line by line."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, piece: bytes) -> list[str]:
        """The lines that are complete now; raises ``AnswerBroken`` for one that is too long."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > ANSWER_BYTES:
            raise AnswerBroken(f"a line is longer than {ANSWER_BYTES // 1024 // 1024} MB")
        return [line.decode("utf-8", "replace") for line in lines if line]


def _headers(response: h11.Response) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}

"""HTTP by itself: any cut of the bytes means the same, and no bytes at all break anything."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from raylambda.node.environment.guest_api.http_connection import Connection, reply
from raylambda.node.environment.guest_api.http_request import HEAD_BYTES, Request

STREAM = (
    b"POST /one?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello"
    b"POST /two HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: yes\r\n\r\n"
    b"GET /three HTTP/1.1\r\nConnection: close\r\n\r\n"
)


class Recorder:
    """A server that answers everything at once and keeps what it saw."""

    truncated = reply(400, b"truncated")

    def __init__(self, limit: int = 100) -> None:
        self.limit = limit
        self.requests: list[Request] = []
        self.open = 0

    def body_limit(self, connection: Connection, request: Request) -> int:
        return self.limit

    def handle(self, connection: Connection, request: Request) -> bytes | None:
        self.requests.append(request)
        return reply(200, b"ok")

    def opened(self, connection: Connection) -> bool:
        self.open += 1
        return True

    def closed(self, connection: Connection) -> None:
        self.open -= 1


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def converse(server: Recorder, pieces: list[bytes]) -> bytes:
    """Send the pieces until the server closes, then hang up; returns its replies."""
    wire = Wire()
    connection = Connection(server)
    connection.connection_made(cast(asyncio.Transport, wire))
    for piece in pieces:
        if not wire.closing:
            connection.data_received(piece)
    connection.connection_lost(None)
    return wire.written


def seen(server: Recorder) -> list[tuple[Any, ...]]:
    return [(r.method, r.path, r.headers, r.trailers, r.body, r.over_limit) for r in server.requests]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(data) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_any_cut_means_the_same(places: list[int]) -> None:
    whole, pieces = Recorder(), Recorder()

    expected = converse(whole, [STREAM])
    got = converse(pieces, cut(STREAM, places))

    assert got == expected
    assert seen(pieces) == seen(whole)
    assert [request.body for request in whole.requests] == [b"hello", b"abcde", b""]
    assert whole.requests[1].trailers == {b"x-late": b"yes"}


@given(st.lists(st.integers(0, 10_000), max_size=10), st.integers(0, 8))
def test_any_cut_of_a_body_over_its_limit_means_the_same(places: list[int], limit: int) -> None:
    whole, pieces = Recorder(limit), Recorder(limit)

    converse(whole, [STREAM])
    converse(pieces, cut(STREAM, places))

    assert seen(pieces) == seen(whole)
    assert all(len(request.body) <= limit for request in whole.requests)
    assert [request.over_limit for request in whole.requests] == [limit < 5, limit < 5, False]


FRAGMENTS = st.sampled_from(
    [
        *(b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"\r\n", b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"Expect: 100-continue\r\n", b"\x00", b"X" * 5000),
    ]
)


@settings(max_examples=300)
@given(st.lists(FRAGMENTS | st.binary(max_size=20), max_size=40))
def test_no_bytes_break_anything(pieces: list[bytes]) -> None:
    server = Recorder()

    converse(server, pieces)

    assert server.open == 0


def test_an_error_of_ours_is_a_500_and_not_silence() -> None:
    class Broken(Recorder):
        def handle(self, connection: Connection, request: Request) -> bytes | None:
            raise ZeroDivisionError

    assert converse(Broken(), [b"GET / HTTP/1.1\r\n\r\n"]).startswith(b"HTTP/1.1 500 ")


def test_a_head_over_its_limit_is_refused() -> None:
    server = Recorder()

    replies = converse(server, [b"GET / HTTP/1.1\r\nX: a", b"a" * HEAD_BYTES, b"a"])

    assert replies.startswith(b"HTTP/1.1 431 ")
    assert not server.requests

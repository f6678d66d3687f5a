"""HTTP as bytes: however an answer is cut it reads the same, and no bytes at all do worse than ``AnswerBroken``."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.sdk.exchange import ANSWER_BYTES, AnswerBroken, Body, HttpPeer, Lines, LinkLost, may_repeat
from raylambda.sdk.signing import HttpRequest

REQUEST = HttpRequest("POST", "/f", {"host": "h", "content-length": "2"}, b"{}")


def a_peer() -> HttpPeer:
    peer = HttpPeer()
    assert b"".join(peer.request(REQUEST)) == b"POST /f HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"
    return peer


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(body=st.binary(max_size=200), places=st.lists(st.integers(0, 500)), chunked=st.booleans(), interim=st.booleans())
def test_an_answer_reads_the_same_however_it_is_cut(
    body: bytes, places: list[int], chunked: bool, interim: bool
) -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\n" * interim + b"HTTP/1.1 200 OK\r\nX-A: b\r\n"
    if chunked:
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in cut(body, places) if piece)
        data = head + b"transfer-encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    else:
        data = head + b"content-length: %d\r\n\r\n" % len(body) + body
    peer = a_peer()

    taken = b""
    for piece in cut(data, places):
        peer.receive(piece)
        taken += peer.take()

    assert peer.head is not None
    assert (peer.head[0], peer.head[1]["x-a"], taken) == (200, "b", body)
    assert peer.complete
    assert peer.reusable


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50) | st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"\r\n", b"0\r\n"]))
)
def test_any_bytes_are_an_answer_or_broken(pieces: list[bytes]) -> None:
    peer = a_peer()

    try:
        for piece in [*pieces, b""]:
            peer.receive(piece)
    except AnswerBroken as broken:
        assert "\n" not in str(broken)
    else:
        assert peer.complete


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_only_what_cannot_have_run_is_sent_again(reused: bool, whole: bool, method: str) -> None:
    again = may_repeat(HttpRequest(method, "/", {}), LinkLost(OSError(), whole=whole), reused=reused)

    assert again is (reused and (not whole or method == "GET"))


def test_bodies_and_lines_have_a_limit() -> None:
    half = bytes(ANSWER_BYTES // 2)
    body, lines = Body(), Lines()
    body.add(half)
    body.add(half)
    lines.add(half)
    lines.add(half)

    with pytest.raises(AnswerBroken, match="the answer is larger than 64 MB"):
        body.add(b"1")
    with pytest.raises(AnswerBroken, match="a line is longer than 64 MB"):
        lines.add(b"1")


@given(
    text=st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1)),
    places=st.lists(st.integers(0, 500)),
)
def test_lines_are_whole_however_they_are_cut(text: list[str], places: list[int]) -> None:
    lines = Lines()

    found = [line for piece in cut("".join(f"{line}\n" for line in text).encode(), places) for line in lines.add(piece)]

    assert found == text

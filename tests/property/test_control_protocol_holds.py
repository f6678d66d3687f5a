"""Any bytes from process 1: reports, or misbehaviour; never another error and never without bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from raylambda.node.sandbox.control_protocol import LONGEST_REPORT, Misbehaved, ReportReader

words = st.sampled_from(
    [b"hello", b"started", b"not-started", b"no-socket", b"exited", b"status", b"signal", b"killed", b"1", b"", b"\xff"]
)
frames = st.lists(words, max_size=5).map(b"\0".join).map(lambda body: len(body).to_bytes(4, "big") + body)


@given(st.lists(st.one_of(frames, st.binary(max_size=20)), max_size=10))
def test_any_bytes(pieces: list[bytes]) -> None:
    reader = ReportReader()

    for piece in pieces:
        try:
            reader.take(piece)
        except Misbehaved:
            return
        assert len(reader._rest) <= 4 + LONGEST_REPORT

"""Guest output becomes lines, whatever its bytes and its pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from raylambda.node.environment.logging.log_buffer import LINE_BYTES, PENDING_BYTES, LogBuffer
from raylambda.testing.clock import ManualClock


class Told:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def a_log(told: Told | None = None) -> LogBuffer:
    return LogBuffer(ManualClock(), told or Told())


def texts(log: LogBuffer) -> list[str]:
    return [text for _, text in log.take()[0]]


def test_lines_come_whole_from_pieces() -> None:
    log = a_log()

    for piece in (b"on", b"e\ntwo\r\n\nth", b"ree"):
        log.write_output(piece)

    assert texts(log) == ["one", "two", ""]
    log.flush()
    assert texts(log) == ["three"]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_any_cut_gives_the_same_lines(pieces: list[bytes]) -> None:
    whole, cut = a_log(), a_log()

    whole.write_output(b"".join(pieces))
    for piece in pieces:
        cut.write_output(piece)
    whole.flush()
    cut.flush()

    assert texts(whole) == texts(cut)
    assert whole.tail() == cut.tail()


def test_bytes_that_are_no_text_are_replaced() -> None:
    log = a_log()

    log.write_output(b"\xff\xfe ok\n")

    assert texts(log) == ["\ufffd\ufffd ok"]


def test_a_line_without_end_is_cut() -> None:
    log = a_log()

    for _ in range(3):
        log.write_output(b"x" * LINE_BYTES)
    log.flush()

    assert [len(text) for text in texts(log)] == [LINE_BYTES] * 3


def test_a_platform_entry_ends_the_line_that_the_guest_left_open() -> None:
    log = a_log()
    log.begin_tail()

    log.write_output(b"open")
    log.write_entries(["END"])

    assert texts(log) == ["open", "END"]
    assert log.tail() == b"open\nEND\n"


def test_the_tail_is_the_last_four_kilobytes_since_it_began() -> None:
    log = a_log()
    log.write_output(b"before\n")
    log.begin_tail()

    for number in range(2000):
        log.write_output(b"%d\n" % number)

    assert len(log.tail()) == 4096
    assert log.tail().endswith(b"1999\n")
    log.begin_tail()
    assert log.tail() == b""


def test_a_long_output_keeps_its_end_in_the_tail() -> None:
    log = a_log()

    log.write_output(b"a" * 100_000 + b"end")

    assert log.tail().endswith(b"aend")
    assert len(log.tail()) == 4096


def test_what_nobody_reads_is_bounded_and_counted() -> None:
    log = a_log()
    line = b"x" * 999 + b"\n"

    for _ in range(5000):
        log.write_output(line)
    entries, (lines, size) = log.take()

    assert len(entries) * 999 <= PENDING_BYTES
    assert len(entries) + lines == 5000
    assert size == lines * 999
    assert not log.waiting


def test_empty_lines_are_bounded_too() -> None:
    log = a_log()

    log.write_output(b"\n" * 1_000_000)

    assert len(log.take()[0]) < 50_000


def test_the_reader_is_told_once_until_it_has_read() -> None:
    told = Told()
    log = a_log(told)

    log.write_output(b"1\n2\n")
    log.write_output(b"3\n")
    assert told.times == 1
    log.take()
    log.write_output(b"4\n")

    assert told.times == 2


def test_lines_carry_the_time_at_which_they_were_read() -> None:
    log = a_log()

    log.write_output(b"1\n")

    assert log.take()[0] == [(1_800_000_000_000, "1")]

"""The control protocol's bytes."""

from __future__ import annotations

import pytest

from raylambda.node.sandbox.contract import RuntimeCommand
from raylambda.node.sandbox.control_protocol import (
    LONGEST_REPORT,
    Exited,
    Hello,
    Killed,
    Misbehaved,
    NoSocket,
    NotStarted,
    ReportReader,
    Started,
    encode_run,
)


def frame(*fields: bytes) -> bytes:
    body = b"\0".join(fields)
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("fields", "report"),
    [
        ((b"hello",), Hello()),
        ((b"no-socket", b"no port"), NoSocket("no port")),
        ((b"started",), Started()),
        ((b"not-started", b"\xff broken"), NotStarted("\ufffd broken")),
        ((b"exited", b"status", b"3", b"100"), Exited(3, None, 100)),
        ((b"exited", b"signal", b"9", b"100"), Exited(None, 9, 100)),
        ((b"killed",), Killed()),
    ],
)
def test_reports(fields: tuple[bytes, ...], report: object) -> None:
    assert ReportReader().take(frame(*fields)) == [report]


def test_reports_in_pieces_and_together() -> None:
    reader = ReportReader()
    data = frame(b"started") + frame(b"exited", b"status", b"0", b"1") + frame(b"killed")

    got = [report for index in range(len(data)) for report in reader.take(data[index : index + 1])]

    assert got == [Started(), Exited(0, None, 1), Killed()] == ReportReader().take(data)


@pytest.mark.parametrize(
    "data",
    [
        frame(b""),
        frame(b"hello", b"more"),
        frame(b"not-started"),
        frame(b"exited", b"status", b"-1", b"1"),
        frame(b"exited", b"status", b"1" * 13, b"1"),
        frame(b"exited", b"status", "²".encode(), b"1"),
        frame(b"exited", b"other", b"1", b"1"),
        (LONGEST_REPORT + 1).to_bytes(4, "big"),
    ],
)
def test_anything_else_is_misbehaviour(data: bytes) -> None:
    with pytest.raises(Misbehaved):
        ReportReader().take(data)


def test_a_command_is_one_frame() -> None:
    command = RuntimeCommand(["/bin/x", "-a"], {"A": "1", "É": "ü=\n"}, "/var/task", forked=True)

    data = encode_run(command)

    assert data[4:].split(b"\0") == [
        b"run", b"/var/task", b"forked", b"2", b"/bin/x", b"-a", b"A=1", "É=ü=\n".encode(),
    ]  # fmt: skip
    assert int.from_bytes(data[:4], "big") == len(data) - 4


@pytest.mark.parametrize(
    "command",
    [RuntimeCommand(["a\0b"], {}), RuntimeCommand(["a"], {"A": "\0"}), RuntimeCommand(["a"], {"A": "\ud800"})],
)
def test_what_no_process_can_be_given_is_refused(command: RuntimeCommand) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_run(command)

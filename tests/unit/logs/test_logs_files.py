"""Logs on disk: torn lines, positions, and files that expire."""

from __future__ import annotations

from pathlib import Path

import pytest

from raylambda.logs import files as logfiles
from raylambda.logs.files import LogFolder, LogLine, expire_logs
from raylambda.testing.clock import ManualClock
from tests.unit.logs.written_logs import START, Logs, a_query, messages, some_lines


@pytest.mark.parametrize("torn", [b'[1, "s", "cut', b"[1,", b"7", b'"text"', b"{}", b"\xff"])
def test_a_line_that_a_crash_cut_short_is_no_line(logs: Logs, tmp_path: Path, torn: bytes) -> None:
    logs.write(some_lines("before"))
    (path,) = (tmp_path / "logs").rglob("*.jsonl")
    with path.open("ab") as file:
        file.write(torn)

    assert messages(logs.read(a_query())) == ["before"]
    logs.write(some_lines("after"))
    assert messages(logs.read(a_query())) == ["before", "after"]


def test_a_position_is_never_inside_of_a_line(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    name = logfiles.file_name(START)
    folder.append(name, [LogLine(1, "s", "one")])
    position = folder.end()

    folder.append(name, [LogLine(2, "s", "two")])
    lines, end = folder.after(position)
    with (tmp_path / name).open("ab") as file:
        file.write(b'[3, "s", "not yet comp')

    assert messages(lines) == ["two"]
    assert folder.after(end) == ([], end)


def test_old_files_expire(logs: Logs, clock: ManualClock) -> None:
    days = 14 * 86_400
    logs.write(some_lines("old"))
    clock.advance(10 * 86_400)
    logs.write(some_lines("young"))
    assert expire_logs(logs.root, clock.now() - days) == 0

    clock.advance(4 * 86_400 + 3600)

    assert expire_logs(logs.root, clock.now() - days) == 1
    assert messages(logs.read(a_query())) == ["young"]
    assert expire_logs(logs.root, clock.now() - days) == 0

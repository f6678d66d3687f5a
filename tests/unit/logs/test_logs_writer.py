"""Logs are written for a function, whatever it writes: in private, within bounds, and under no name of its own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from raylambda.logs import files as logfiles
from raylambda.testing.clock import ManualClock
from tests.unit.logs.written_logs import Logs, a_query, messages, some_lines


@pytest.mark.parametrize("name", ["../../etc", "/", "..", "a/b", "\x00", "x" * 5000, "\ud800"])
def test_names_choose_no_path(logs: Logs, tmp_path: Path, name: str) -> None:
    logs.write(some_lines("line", group=name, stream=name, account=name))

    assert messages(logs.read(a_query(log_group=name, account=name))) == ["line"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["logs"]
    assert all(len(entry.name) == 40 for entry in (tmp_path / "logs").iterdir())


def test_files_are_private(logs: Logs, tmp_path: Path) -> None:
    logs.write(some_lines("secret"))

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logs").rglob("*.jsonl")}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logs").iterdir()}

    assert (modes, folders) == ({0o600}, {0o700})


def test_a_function_fills_its_allowance_and_not_the_disk(
    logs: Logs, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfiles, "HOUR_BYTES", 2000)

    for _ in range(100):
        logs.write(some_lines(*["x" * 50] * 10))
    clock.advance(3600)
    logs.write(some_lines("next hour"))

    kept = messages(logs.read(a_query()))
    assert kept[-1] == "next hour"
    assert kept[-2] == "raylambda: too much log; lines are dropped until the next hour"
    assert kept[:-2] == ["x" * 50] * (len(kept) - 2)
    assert sum(path.stat().st_size for path in (tmp_path / "logs").rglob("*.jsonl")) < 3000


def test_an_endless_line_is_cut(logs: Logs) -> None:
    logs.write(some_lines("\x00" * 1_000_000))

    (line,) = logs.read(a_query())

    assert len(line.message) == logfiles.MESSAGE_CHARACTERS


def test_a_disk_that_takes_nothing_does_not_stop_the_function(logs: Logs) -> None:
    logs.root.write_text("in the way")

    logs.write(some_lines("lost"))

    assert logs.root.read_text() == "in the way"

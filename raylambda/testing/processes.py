"""Processes as /proc shows them: who descends from whom, and which are gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ZOMBIE = "Z"


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this boot. Another one that is given the same number later is not it."""

    pid: int
    started: str

    @property
    def runs(self) -> bool:
        """Whether it is there; one that only waits for its parent to take note of its end is not."""
        row = _row(self.pid)
        return row is not None and row.process == self and row.state != _ZOMBIE

    def kill(self) -> None:
        """SIGKILL, if it is still there."""
        self._send(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it where it is, if it is still there; it can only be killed then."""
        self._send(signal.SIGSTOP)

    def _send(self, number: signal.Signals) -> None:
        if self.runs:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def the_process(pid: int) -> Process:
    """The process that has this number now; raises ``ProcessLookupError``."""
    row = _row(pid)
    if row is None:
        raise ProcessLookupError(pid)
    return row.process


def descendants(pid: int) -> list[Process]:
    """All that descends from ``pid`` now, the nearest first; nothing when it is gone."""
    children: dict[int, list[Process]] = {}
    for row in _rows():
        children.setdefault(row.parent, []).append(row.process)
    found = list(children.get(pid, ()))
    for process in found:
        found.extend(children.get(process.pid, ()))
    return found


def leaves(pid: int) -> list[Process]:
    """The descendants of ``pid`` that have no children."""
    return [process for process in descendants(pid) if not descendants(process.pid)]


def command_line(process: Process) -> list[str]:
    """Its arguments; empty when it is gone."""
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class _Row:
    process: Process
    parent: int
    state: str


def _rows() -> Iterator[_Row]:
    for entry in Path("/proc").iterdir():
        row = _row(int(entry.name)) if entry.name.isdigit() else None
        if row is not None:
            yield row


def _row(pid: int) -> _Row | None:
    """proc(5): the command may hold any character, so the fields are counted from its closing bracket."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return _Row(Process(pid, fields[19]), int(fields[1]), fields[0])

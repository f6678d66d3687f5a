"""Log groups on disk: each a folder with a file per hour, a line of JSON per log line, ``[time_ms, stream, message]``."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import gmtime, strftime
from typing import Final

HOUR_BYTES: Final = 256 * 1024 * 1024
"""What one group may write in one hour; the rest of that hour's lines are dropped, and one line says so."""

MESSAGE_CHARACTERS: Final = 262_144
"""A longer message is cut (CloudWatch's limit for one event)."""

_BLOCK: Final = 4 * 1024 * 1024  # larger than any stored line
_SUFFIX: Final = ".jsonl"
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class LogLine:
    """``time_ms``: epoch milliseconds at which the host read the line; ``message`` without its line end."""

    time_ms: int
    stream: str
    message: str


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Everything before ``offset`` (bytes) of file ``name``, and every file of an earlier name, lies before a position."""

    name: str = ""
    offset: int = 0


def file_name(epoch_s: float) -> str:
    """The file of an hour; names sort by time."""
    return strftime("%Y-%m-%dT%H", gmtime(epoch_s)) + _SUFFIX


def group_path(root: Path, account: str, region: str, log_group: str) -> Path:
    """The group's folder. Its name is a digest: a group's name is the user's and must not choose a path."""
    key = json.dumps([account, region, log_group]).encode()
    return root / hashlib.sha256(key).hexdigest()[:40]


def expire_logs(root: Path, oldest_s: float) -> int:
    """Delete the files of hours that had ended before ``oldest_s`` (epoch seconds), of all groups; how many. Run it daily."""
    expired = [path for path in root.glob(f"*/*{_SUFFIX}") if path.name < file_name(oldest_s)]
    for path in expired:
        path.unlink(missing_ok=True)
    return len(expired)


class LogFolder:
    """The files of one group. ``append`` may run in several threads and processes beside any number of readers."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, name: str, lines: Sequence[LogLine]) -> None:
        """Add lines to file ``name`` in one write, or drop them when the hour's allowance is used up."""
        descriptor = self._open(name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size < HOUR_BYTES:
                # A line that a crash cut short must not swallow the next one.
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                _write_all(descriptor, b"\n" * torn + _encode(lines, HOUR_BYTES - size))
        finally:
            os.close(descriptor)

    def end(self) -> Position:
        """The position behind everything that was appended so far."""
        names = self.names()
        return Position(names[-1], self._size(names[-1])) if names else Position()

    def names(self) -> list[str]:
        """File names, oldest first."""
        try:
            return sorted(entry.name for entry in self._path.iterdir() if entry.suffix == _SUFFIX)
        except FileNotFoundError:
            return []

    def newest_first(self, oldest_name: str, until: Position) -> Iterator[LogLine]:
        """The lines before ``until``, from the newest back through file ``oldest_name``."""
        for name in reversed(self.names()):
            if oldest_name <= name <= until.name:
                yield from _lines_backwards(self._path / name, until.offset if name == until.name else None)

    def after(self, position: Position) -> tuple[list[LogLine], Position]:
        """Some of the lines behind ``position``, oldest first, and the position behind them; none when there are no more yet."""
        for name in self.names():
            if name < position.name:
                continue
            start = position.offset if name == position.name else 0
            block = _read_block(self._path / name, start)
            complete = block.rfind(b"\n") + 1
            if complete:
                records = block[:complete].split(b"\n")
                lines = [line for record in records if (line := _line(record)) is not None]
                return lines, Position(name, start + complete)
        return [], position

    def _size(self, name: str) -> int:
        """The size of a file while nobody appends to it: a reader must not start inside of a line."""
        try:
            with (self._path / name).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return os.fstat(file.fileno()).st_size
        except FileNotFoundError:  # expired meanwhile
            return 0

    def _open(self, name: str) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path / name, flags, 0o600)
        except FileNotFoundError:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._path / name, flags, 0o600)


def _encode(lines: Sequence[LogLine], allowance: int) -> bytes:
    data = b"".join(_record(line) for line in lines)
    if len(data) < allowance:
        return data
    complete = data[: data.rfind(b"\n", 0, allowance) + 1]
    notice = LogLine(
        lines[-1].time_ms, lines[-1].stream, "raylambda: too much log; lines are dropped until the next hour"
    )
    # Empty lines up to the allowance, so that nothing fits behind the notice.
    return (complete + _record(notice)).ljust(allowance, b"\n")


def _record(line: LogLine) -> bytes:
    fields = [line.time_ms, line.stream, line.message[:MESSAGE_CHARACTERS]]
    return _JSON.encode(fields).encode("utf-8", "backslashreplace") + b"\n"


def _line(record: bytes) -> LogLine | None:
    """A record that a crash cut short is no line."""
    try:
        time_ms, stream, message = json.loads(record)
    except (ValueError, TypeError):
        return None
    return LogLine(time_ms, stream, message)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read_block(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(_BLOCK)
    except FileNotFoundError:  # expired meanwhile
        return b""


def _lines_backwards(path: Path, end: int | None) -> Iterator[LogLine]:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # expired meanwhile
        return
    with file:
        place = file.seek(0, os.SEEK_END) if end is None else end
        begun = b""  # the tail of a record whose head lies in an earlier block
        while place > 0:
            length = min(65_536, place)
            place -= length
            file.seek(place)
            head, *records = (file.read(length) + begun).split(b"\n")
            begun = head
            yield from (line for record in reversed(records) if (line := _line(record)) is not None)
        if (first := _line(begun)) is not None:
            yield first

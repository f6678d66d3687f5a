"""Keeps what functions write: ``LogKeeper`` takes the hosts' log lines in and gives them out again, for days."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final

import structlog

from raylambda.logs.files import LogFolder, LogLine, Position, file_name
from raylambda.model.clock import Clock
from raylambda.model.environment import LogLines

_log = structlog.get_logger(__name__)

READ_LIMIT: Final = 10_000
_READ_CHARACTERS: Final = 16 * 1024 * 1024
_CLOCK_SKEW_S: Final = 3600.0  # a host's clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines: of one group, not older than ``since_ms``, at most ``limit`` (the newest ones), of matching streams.

    ``stream`` is a stream's whole name, ``stream_part`` something that must be in it.
    """

    account: str
    region: str
    log_group: str
    since_ms: int = 0
    limit: int = READ_LIMIT
    stream: str | None = None
    stream_part: str | None = None

    def wants(self, line: LogLine) -> bool:
        return (
            line.time_ms >= self.since_ms
            and (self.stream is None or line.stream == self.stream)
            and (self.stream_part is None or self.stream_part in line.stream)
        )


class LogKeeper:
    """Logs below ``root``. Its methods may be called in any thread; ``follow`` belongs to the event loop that iterates it.

    Files are written at once and not flushed to the disk: a crash of the machine may cost the last lines.
    """

    def __init__(self, root: Path, retention_days: float, clock: Clock) -> None:
        self._root = root
        self._retention_s = retention_days * 86_400
        self._clock = clock
        self._lock = Lock()
        self._newest_file = ""
        self._closed = False
        self._wakers: dict[Path, set[_Waker]] = defaultdict(set)

    def append(self, lines: LogLines) -> None:
        """Keep lines and wake those who follow their group. Blocks for one write; lines that cannot be written are lost."""
        if not lines.lines:
            return
        path = self._path(lines.account, lines.region, lines.log_group)
        records = [LogLine(time_ms, lines.log_stream, message) for time_ms, message in lines.lines]
        try:
            LogFolder(path).append(self._file_now(), records)
        except OSError as error:  # the disk is full, say: a function must be able to run on without its log
            _log.error("log_lines_lost", log_group=lines.log_group, count=len(records), reason=error.strerror)
            return
        with self._lock:
            for waker in self._wakers.get(path, ()):
                waker.wake()

    def read(self, query: LogQuery) -> list[LogLine]:
        """The newest lines that the query wants, oldest first. Blocks on the disk."""
        folder = self._folder(query)
        return _newest(folder, query, folder.end())

    async def follow(self, query: LogQuery) -> AsyncIterator[LogLine]:
        """What ``read`` gives, and then every wanted line as it is appended by this process; ends with ``close`` only."""
        folder = self._folder(query)
        with self._woken(self._path(query.account, query.region, query.log_group)) as woken:
            position = await asyncio.to_thread(folder.end)
            for line in await asyncio.to_thread(_newest, folder, query, position):
                yield line
            while not self._closed:
                woken.clear()
                lines, position = await asyncio.to_thread(folder.after, position)
                for line in filter(query.wants, lines):
                    yield line
                if not lines:
                    await woken.wait()

    def close(self) -> None:
        """End everybody's ``follow``; lines are still taken in and read."""
        self._closed = True
        with self._lock:
            for waker in chain.from_iterable(self._wakers.values()):
                waker.wake()

    def expire(self) -> int:
        """Delete the files that are older than the retention; how many. Run it daily."""
        oldest = file_name(self._clock.now() - self._retention_s)
        expired = [path for path in self._root.glob("*/*.jsonl") if path.name < oldest]
        for path in expired:
            path.unlink(missing_ok=True)
        return len(expired)

    def forget(self, account: str, region: str, log_group: str) -> None:
        """Delete all lines of a group at once."""
        shutil.rmtree(self._path(account, region, log_group), ignore_errors=True)

    @contextmanager
    def _woken(self, path: Path) -> Iterator[asyncio.Event]:
        waker = _Waker(asyncio.get_running_loop())
        with self._lock:
            self._wakers[path].add(waker)
        try:
            yield waker.event
        finally:
            with self._lock:
                self._wakers[path].discard(waker)
                if not self._wakers[path]:
                    del self._wakers[path]

    def _file_now(self) -> str:
        """The file to append to; never an earlier one than before, so that those who follow do not miss a line."""
        with self._lock:
            self._newest_file = max(self._newest_file, file_name(self._clock.now()))
            return self._newest_file

    def _folder(self, query: LogQuery) -> LogFolder:
        return LogFolder(self._path(query.account, query.region, query.log_group))

    def _path(self, account: str, region: str, log_group: str) -> Path:
        """The name is a digest: a group's name is the user's and must not choose a path."""
        key = json.dumps([account, region, log_group]).encode()
        return self._root / hashlib.sha256(key).hexdigest()[:40]


class _Waker:
    """Sets an event of one loop from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.event = asyncio.Event()

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self.event.set)


def _newest(folder: LogFolder, query: LogQuery, until: Position) -> list[LogLine]:
    found: list[LogLine] = []
    characters = 0
    oldest_name = file_name(max(0.0, query.since_ms / 1000 - _CLOCK_SKEW_S))
    for line in folder.newest_first(oldest_name, until):
        if len(found) >= min(query.limit, READ_LIMIT) or characters > _READ_CHARACTERS:
            break
        if query.wants(line):
            found.append(line)
            characters += len(line.message)
    return found[::-1]

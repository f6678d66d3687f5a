"""Gives out what functions wrote: the newest lines of a group, and those that come."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final

from raylambda.logs.files import LogFolder, LogLine, Position, file_name, group_path

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


class LogReader:
    """Reads below ``root``. Its methods may be called in any thread; ``follow`` belongs to the event loop that iterates it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = Lock()
        self._closed = False
        self._followers: dict[Path, set[_Waker]] = defaultdict(set)

    def read(self, query: LogQuery) -> list[LogLine]:
        """The newest lines that the query wants, oldest first. Blocks on the disk."""
        folder = LogFolder(self._path(query))
        return _newest(folder, query, folder.end())

    async def follow(self, query: LogQuery) -> AsyncIterator[LogLine]:
        """What ``read`` gives, and then every wanted line of which ``wake`` is told; ends with ``close`` only."""
        path = self._path(query)
        folder = LogFolder(path)
        with self._woken(path) as woken:
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

    def wake(self, path: Path) -> None:
        """Lines were appended to this group's folder: those who follow it look again."""
        with self._lock:
            for waker in self._followers.get(path, ()):
                waker.wake()

    def close(self) -> None:
        """End everybody's ``follow``; lines can still be read."""
        self._closed = True
        with self._lock:
            for waker in chain.from_iterable(self._followers.values()):
                waker.wake()

    def _path(self, query: LogQuery) -> Path:
        return group_path(self._root, query.account, query.region, query.log_group)

    @contextmanager
    def _woken(self, path: Path) -> Iterator[asyncio.Event]:
        waker = _Waker(asyncio.get_running_loop())
        with self._lock:
            self._followers[path].add(waker)
        try:
            yield waker.event
        finally:
            with self._lock:
                self._followers[path].discard(waker)
                if not self._followers[path]:
                    del self._followers[path]


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

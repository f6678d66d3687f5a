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
from raylambda.logs.requests import LineOf, ReadingBack, ReadingOn

READ_LIMIT: Final = 10_000
SEARCH_LINES: Final = 500_000
"""What one request looks at, at most: a filter that nothing passes must not read all that a function ever wrote."""

_READ_CHARACTERS: Final = 16 * 1024 * 1024
_CLOCK_SKEW_S: Final = 3600.0  # a host's clock may be ahead of ours
_CLOCKS_APART_MS: Final = 300_000  # lines of hosts whose clocks differ by no more lie in this order
_HOUR_S: Final = 3600.0
END_OF_TIME_MS: Final = 10**13 - 1  # in the year 2286


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines: of one group, not older than ``since_ms`` and older than ``until_ms``, of matching streams, with ``text`` in them.

    At most ``limit`` of them, the newest. ``stream`` is a stream's whole name, ``stream_part`` something that must be in
    it. ``request_id`` wants the lines of one invocation; with ``requests`` it is found out of every line whose it is.
    """

    account: str
    region: str
    log_group: str
    since_ms: int = 0
    until_ms: int = END_OF_TIME_MS
    limit: int = READ_LIMIT
    stream: str | None = None
    stream_part: str | None = None
    text: str = ""
    request_id: str | None = None
    requests: bool = False

    def of_stream(self, line: LogLine) -> bool:
        """Whether the line is of a stream that is asked for."""
        return (self.stream is None or line.stream == self.stream) and (
            self.stream_part is None or self.stream_part in line.stream
        )

    def may_want(self, line: LogLine) -> bool:
        """Whether the line is wanted if it belongs to the right invocation."""
        return self.of_stream(line) and self.since_ms <= line.time_ms < self.until_ms and self.text in line.message

    def wants(self, one: LineOf) -> bool:
        return self.may_want(one.line) and (self.request_id is None or self.request_id == one.request_id)


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in the order of their times, those of one stream in the order in which they were written.

    ``searched_to_ms`` is set when older lines were left unsearched: where the search ended. ``running`` has the
    invocations that had begun and not ended, by stream, if it was asked whose lines are.
    """

    lines: list[LineOf]
    searched_to_ms: int | None
    running: dict[str, str]


class LogReader:
    """Reads below ``root``. Its methods may be called in any thread; ``follow`` belongs to the event loop that iterates it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = Lock()
        self._closed = False
        self._followers: dict[Path, set[_Waker]] = defaultdict(set)

    def read(self, query: LogQuery) -> LogPage:
        """The newest lines that the query wants, oldest first. Blocks on the disk."""
        folder = LogFolder(self._path(query))
        return _newest(folder, query, folder.end())

    async def follow(self, query: LogQuery) -> AsyncIterator[LineOf]:
        """What ``read`` gives, and then every wanted line of which ``wake`` is told; ends with ``close`` only."""
        path = self._path(query)
        folder = LogFolder(path)
        with self._woken(path) as woken:
            position = await asyncio.to_thread(folder.end)
            page = await asyncio.to_thread(_newest, folder, query, position)
            for one in page.lines:
                yield one
            reading = ReadingOn(page.running)
            while not self._closed:
                woken.clear()
                lines, position = await asyncio.to_thread(folder.after, position)
                for one in map(reading.take, filter(query.of_stream, lines)):
                    if query.wants(one):
                        yield one
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


class _Search:
    """Lines of a group from the newest back, until a query has what it wants, and it is known whose those lines are."""

    def __init__(self, query: LogQuery) -> None:
        self._query = query
        self._room = min(query.limit, READ_LIMIT)
        self._reading = ReadingBack() if query.requests or query.request_id is not None else None
        self._candidates: list[LineOf] = []  # the newest first
        self._characters = 0
        self._searched = 0
        self._searched_to_ms: int | None = None
        self._waiting: set[str] | None = None  # streams, once there are enough candidates

    def run(self, lines: Iterator[LogLine]) -> LogPage:
        """Read on until the answer is known, the search has its limit, or there is nothing older."""
        done = self._room == 0
        while not done and (line := next(lines, None)) is not None:
            done = self._take(line)
        if self._reading is not None:
            self._reading.decide_rest()
        wanted = [one for one in self._candidates if self._query.wants(one)][: self._room]
        running = {} if self._reading is None else self._reading.running
        return LogPage(_in_order(wanted[::-1]), self._searched_to_ms, running)

    def _take(self, line: LogLine) -> bool:
        """Whether the search is over with this line."""
        self._searched += line.time_ms < self._query.until_ms
        if self._searched > SEARCH_LINES:
            self._searched_to_ms = line.time_ms
            return True
        enough = self._waiting is not None
        if self._query.of_stream(line) and (not enough or line.stream in (self._waiting or ())):
            asked = not enough and self._query.may_want(line)
            one = LineOf(line) if self._reading is None else self._reading.take(line, asked=asked)
            if asked:
                self._candidates.append(one)
                self._characters += len(line.message)
        if not enough and (line.time_ms < self._query.since_ms - _CLOCKS_APART_MS or self._is_full()):
            self._waiting = set() if self._reading is None else self._reading.undecided
        elif enough and self._reading is not None:
            self._waiting = self._reading.undecided
        return self._waiting is not None and not self._waiting

    def _is_full(self) -> bool:
        """Whether there are as many candidates as may be wanted. Of those of other invocations some are forgotten now and then."""
        spare = 1 if self._query.request_id is None else 2
        if len(self._candidates) < spare * self._room and self._characters <= spare * _READ_CHARACTERS:
            return False
        if spare > 1:
            self._candidates = [one for one in self._candidates if not one.decided or self._query.wants(one)]
            self._characters = sum(len(one.line.message) for one in self._candidates)
        return len(self._candidates) >= self._room or self._characters > _READ_CHARACTERS


def _newest(folder: LogFolder, query: LogQuery, until: Position) -> LogPage:
    oldest_name = file_name(max(0.0, query.since_ms / 1000 - _CLOCK_SKEW_S))
    if query.until_ms < END_OF_TIME_MS:
        until = min(until, Position(file_name(query.until_ms / 1000 + _CLOCK_SKEW_S + _HOUR_S)))
    return _Search(query).run(folder.newest_first(oldest_name, until))


def _in_order(lines: list[LineOf]) -> list[LineOf]:
    """Lines in the order in which they were appended, by their times; those of one stream never change places."""
    latest: dict[str, int] = {}
    times = []
    for one in lines:
        stream, time_ms = one.line.stream, one.line.time_ms
        latest[stream] = max(latest.get(stream, 0), time_ms)
        times.append(latest[stream])
    return [one for _, one in sorted(zip(times, lines, strict=True), key=lambda pair: pair[0])]

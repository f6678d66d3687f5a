"""What a host has to tell its one listener: log lines of its environments, and environments that ended by themselves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from raylambda.model.clock import Clock
from raylambda.model.environment import EnvironmentExited, HostEvent, LogLines, StartEnvironment
from raylambda.model.log_names import log_group_of
from raylambda.node.environment.logging.log_buffer import LogBuffer
from raylambda.node.environment.logging.platform_lines import PlatformLines


@dataclass(slots=True)
class _Stream:
    start: StartEnvironment
    log: LogBuffer
    closed: bool = False


class Outbox:
    """Keeps events until they are read; each is read once. Log lines are bounded by ``LogBuffer``.

    A reader waits ``poll_s`` at most for the first event, and then ``batch_s`` for others to travel with it.
    """

    def __init__(self, clock: Clock, poll_s: float, batch_s: float) -> None:
        self._clock = clock
        self._poll_s = poll_s
        self._batch_s = batch_s
        self._something = asyncio.Event()
        self._streams: dict[str, _Stream] = {}
        self._exits: list[EnvironmentExited] = []

    def open_log(self, start: StartEnvironment) -> LogBuffer:
        """The log of one environment, until ``close_log``."""
        log = LogBuffer(self._clock, self._something.set)
        self._streams[start.environment_id] = _Stream(start, log)
        return log

    def close_log(self, environment_id: str) -> None:
        """Nothing more will be written to it; what is in it can still be read. One that is not there is no error."""
        stream = self._streams.get(environment_id)
        if stream is not None:
            stream.log.flush()
            stream.closed = True
            self._something.set()

    def exited(self, environment_id: str, reason: str) -> None:
        """An idle environment has ended by itself."""
        self._exits.append(EnvironmentExited(environment_id, reason))
        self._something.set()

    async def events(self) -> list[HostEvent]:
        """Wait for something; an empty list when nothing happened in time."""
        try:
            async with asyncio.timeout(self._poll_s):
                await self._something.wait()
        except TimeoutError:
            return []
        if not self._exits:
            await asyncio.sleep(self._batch_s)
        return self.take()

    def take(self) -> list[HostEvent]:
        """All that there is now: a stream's lines before its environment's exit."""
        self._something.clear()
        lines = [self._lines(stream) for stream in self._streams.values() if stream.log.waiting]
        for environment_id in [name for name, stream in self._streams.items() if stream.closed]:
            del self._streams[environment_id]
        exits, self._exits = self._exits, []
        return [*lines, *exits]

    def _lines(self, stream: _Stream) -> LogLines:
        entries, (dropped_lines, dropped_bytes) = stream.log.take()
        version = stream.start.version
        if dropped_lines:
            now = self._clock.now()
            platform = PlatformLines(version, stream.start.environment_id)
            entries += [(int(now * 1000), text) for text in platform.dropped(now, dropped_lines, dropped_bytes)]
        return LogLines(version.account, version.region, log_group_of(version), stream.start.log_stream, tuple(entries))

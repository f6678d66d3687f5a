"""The log of one environment: guest output becomes lines, the last 4 KB of an invocation are kept, the rest waits to be read.

A guest may write as fast as it likes. What is kept of it is bounded: the line being assembled, the tail, and the entries
that wait for the host's listener; entries over that bound are counted and dropped, and one line says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from raylambda.model.clock import Clock
from raylambda.model.limits import LOG_TAIL_BYTES

LINE_BYTES: Final = 256 * 1024
"""Longest line, as CloudWatch's longest event once was; a longer one is cut into several."""
PENDING_BYTES: Final = 1024 * 1024
_ENTRY_OVERHEAD: Final = 26
"""What CloudWatch adds to each event's size; it bounds the number of empty lines, too."""

Entry = tuple[int, str]
"""Epoch milliseconds, and text without its final newline."""


class LogBuffer:
    """Written by the environment's loop only. ``on_entries`` is called when entries wait that nobody was told of."""

    def __init__(self, clock: Clock, on_entries: Callable[[], None]) -> None:
        self._clock = clock
        self._on_entries = on_entries
        self._partial = bytearray()
        self._tail = bytearray()
        self._pending: list[Entry] = []
        self._pending_bytes = 0
        self._dropped_lines = 0
        self._dropped_bytes = 0

    def write_output(self, data: bytes) -> None:
        """Take what the guest wrote; lines may come in pieces, in any bytes."""
        self._keep_tail(data)
        head, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = (bytes(self._partial) + head).split(b"\n")
            self._partial[:] = rest
            self._add_lines(lines)
        else:
            self._partial += rest
        if len(self._partial) >= LINE_BYTES:
            self._end_line()

    def write_entries(self, entries: Iterable[str]) -> None:
        """Add the platform's own entries after the line that the guest may have left open."""
        for entry in entries:
            self._end_line()
            data = entry.encode("utf-8", "replace")
            self._keep_tail(data + b"\n")
            self._add(self._now_ms(), entry, len(data))

    def begin_tail(self) -> None:
        """Start the tail anew; an open line of the guest ends here."""
        self._end_line()
        self._tail.clear()

    def tail(self) -> bytes:
        """The last 4096 bytes since ``begin_tail``."""
        return bytes(self._tail[-LOG_TAIL_BYTES:])

    @property
    def waiting(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._pending or self._dropped_lines)

    def take(self) -> tuple[list[Entry], tuple[int, int]]:
        """All entries that wait, oldest first, and what was dropped after them: lines and bytes."""
        entries, self._pending, self._pending_bytes = self._pending, [], 0
        dropped = (self._dropped_lines, self._dropped_bytes)
        self._dropped_lines = self._dropped_bytes = 0
        return entries, dropped

    def flush(self) -> None:
        """End the line that the guest left open."""
        self._end_line()

    def _end_line(self) -> None:
        if self._partial:
            line = bytes(self._partial)
            self._partial.clear()
            if self._tail and not self._tail.endswith(b"\n"):
                self._tail += b"\n"
            self._add_lines([line])

    def _add_lines(self, lines: list[bytes]) -> None:
        now = self._now_ms()
        for line in lines:
            for start in range(0, len(line) or 1, LINE_BYTES):
                piece = line[start : start + LINE_BYTES]
                self._add(now, piece.decode("utf-8", "replace").removesuffix("\r"), len(piece))

    def _add(self, now_ms: int, text: str, size: int) -> None:
        if self._pending_bytes + size + _ENTRY_OVERHEAD > PENDING_BYTES:
            self._dropped_lines += 1
            self._dropped_bytes += size
        else:
            self._pending.append((now_ms, text))
            self._pending_bytes += size + _ENTRY_OVERHEAD
        if len(self._pending) + self._dropped_lines == 1:
            self._on_entries()

    def _keep_tail(self, data: bytes) -> None:
        self._tail += data[-LOG_TAIL_BYTES:]
        if len(self._tail) > 2 * LOG_TAIL_BYTES:
            del self._tail[:-LOG_TAIL_BYTES]

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)

"""What a guest writes to stdout and stderr: one pipe, read in the event loop in bounded bites.

A guest that writes without end must not keep the loop busy: after ``BURST_BYTES`` the pipe rests for ``PAUSE_S``, it fills, and the
guest waits in its ``write``.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from raylambda.node.sandbox.contract import OutputSink

CHUNK_BYTES: Final = 1 << 16
BURST_BYTES: Final = 1 << 20
PAUSE_S: Final = 0.05
EARLY_BYTES: Final = 4096


class OutputPipe:
    """Owns both ends: ``write_end`` is for the guest's processes, and ours of it is closed by ``guest_has_it``.

    Until ``begin`` it is the jail's program that writes; the start of that is kept in ``early``, for the error message.
    """

    def __init__(self, sink: OutputSink) -> None:
        self._loop = asyncio.get_running_loop()
        self._sink = sink
        self._begun = False
        self.early = b""
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._burst = 0
        self._pause: asyncio.TimerHandle | None = None
        self._open = True
        self._loop.add_reader(self._read_end, self._read)

    def guest_has_it(self) -> None:
        """Close our copy of the write end; may be called twice."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def begin(self) -> None:
        """From now on everything goes to the sink."""
        self._begun = True

    def drain(self) -> None:
        """Hand out what is in the pipe now, at most one burst."""
        for _ in range(BURST_BYTES // CHUNK_BYTES):
            if not self._take():
                return

    def close(self) -> None:
        """Hand out the rest and close; may be called twice."""
        if not self._open:
            return
        self.drain()
        self._open = False
        self._stop_reading()
        self.guest_has_it()
        os.close(self._read_end)

    def _read(self) -> None:
        self._burst += self._take()
        if self._burst >= BURST_BYTES and self._open:
            self._loop.remove_reader(self._read_end)
            self._pause = self._loop.call_later(PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._burst = 0
        self._pause = None
        self._loop.add_reader(self._read_end, self._read)

    def _take(self) -> int:
        """Read one chunk; 0 when there is nothing."""
        if not self._open:
            return 0
        try:
            data = os.read(self._read_end, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            self._stop_reading()
            return 0
        if self._begun:
            self._sink(data)
        else:
            self.early = (self.early + data)[:EARLY_BYTES]
        return len(data)

    def _stop_reading(self) -> None:
        self._loop.remove_reader(self._read_end)
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

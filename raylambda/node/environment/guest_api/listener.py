"""Accepts a guest's connections, one in a turn of the event loop, so that a flood of them keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

PAUSE_S: Final = 0.1
"""How long nothing is accepted when the guest asks too often, or this process has no file descriptor left."""


class Listener:
    """Accepts from ``listening`` until ``close``; the socket stays its owner's.

    ``allow`` is asked for each connection; while it says no, connections are refused at ten in a second.
    """

    def __init__(
        self, listening: socket.socket, make: Callable[[], asyncio.Protocol], allow: Callable[[], bool]
    ) -> None:
        self._listening = listening
        self._make = make
        self._allow = allow
        self._loop = asyncio.get_running_loop()
        self._openings: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening, self._accept)

    def drain(self) -> None:
        """Refuse whoever has connected so far and has not been accepted, or is being taken on."""
        for opening in self._openings:
            opening.cancel()
        with suppress(OSError):
            while True:
                self._listening.accept()[0].close()

    def close(self) -> None:
        """Accept nobody any more."""
        if self._pause is not None:
            self._pause.cancel()
        if self._listening.fileno() >= 0:
            self._loop.remove_reader(self._listening)
        for opening in self._openings:
            opening.cancel()

    def _accept(self) -> None:
        try:
            connected, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            self._rest()
            return
        if not self._allow():
            connected.close()
            self._rest()
            return
        opening = self._loop.create_task(self._open(connected))
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)

    async def _open(self, connected: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connected)
        except (OSError, asyncio.CancelledError):
            connected.close()

    def _rest(self) -> None:
        self._loop.remove_reader(self._listening)
        self._pause = self._loop.call_later(PAUSE_S, self._loop.add_reader, self._listening, self._accept)

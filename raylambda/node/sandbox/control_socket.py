"""The host's end of the control socket of one guest.

Everything that arrives is hostile. Reports are bounded, known, and few; the one descriptor that may come is the Runtime API's
listening socket, with the first report, and it must be exactly that. Anything else ends the conversation, and with it the guest.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Final

from raylambda.node.sandbox.control_protocol import Hello, Misbehaved, Report, ReportReader

READ_BYTES: Final = 4096
_CREDENTIALS: Final = struct.Struct("iII")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(struct.calcsize("i"))


class ControlSocket:
    """Sends frames and hands reports to ``on_report``; ``on_end`` is called once, with the reason, when nothing more will come."""

    def __init__(self, on_report: Callable[[Report], None], on_end: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_report = on_report
        self._on_end = on_end
        self._reader = ReportReader()
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._ours.setblocking(False)
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._open = True
        self.init_pid: int | None = None
        self.api_socket: socket.socket | None = None
        self._loop.add_reader(self._ours.fileno(), self._read)

    async def send(self, frame: bytes) -> None:
        """Send one frame; raises ``OSError`` when the guest is gone."""
        if not self._open:
            raise BrokenPipeError("the control socket is closed")
        await self._loop.sock_sendall(self._ours, frame)

    def guest_has_it(self) -> None:
        """Close our copy of the guest's end, so that its end is seen; may be called twice."""
        self.theirs.close()

    def close(self) -> None:
        """Stop listening to the guest; may be called twice. The API socket stays with its taker."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._ours.fileno())
        self._ours.close()
        self.theirs.close()

    def _read(self) -> None:
        try:
            data, ancillary, _, _ = self._ours.recvmsg(READ_BYTES, _ANCILLARY_BYTES, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(f"control socket: {error}")
            return
        if not data:
            self._end("process 1 has closed the control socket")
            return
        try:
            self._take_ancillary(ancillary)
            for report in self._reader.take(data):
                self._take(report)
        except (Misbehaved, OSError) as error:
            self._end(f"process 1 misbehaved: it sent {error}")

    def _take(self, report: Report) -> None:
        if isinstance(report, Hello) and (self.api_socket is None or self.init_pid is None):
            raise Misbehaved("a hello without its socket")
        if self._open:
            self._on_report(report)

    def _take_ancillary(self, messages: Iterable[tuple[int, int, bytes]]) -> None:
        descriptors = array.array("i")
        for level, kind, data in messages:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
            elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and self.init_pid is None:
                self.init_pid = _CREDENTIALS.unpack(data)[0]
        if not descriptors:
            return
        if len(descriptors) > 1 or self.api_socket is not None:
            for descriptor in descriptors:
                os.close(descriptor)
            raise Misbehaved("descriptors that nobody asked for")
        self.api_socket = _listening_socket(descriptors[0])

    def _end(self, reason: str) -> None:
        if self._open:
            self.close()
            self._on_end(reason)


def _listening_socket(descriptor: int) -> socket.socket:
    """The descriptor as a TCP socket that listens on loopback; raises ``Misbehaved`` and closes it when it is anything else."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise Misbehaved("a descriptor that is no socket") from None
    try:
        if (found.family, found.type) != (socket.AF_INET, socket.SOCK_STREAM):
            raise Misbehaved("a socket of another kind")
        if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) or found.getsockname()[0] != "127.0.0.1":
            raise Misbehaved("a socket that does not listen on loopback")
        found.setblocking(False)
    except (Misbehaved, OSError):
        found.close()
        raise
    return found

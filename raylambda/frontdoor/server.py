"""uvicorn, with the limits that it lacks: a peer may not send the head of a request without end, or never finish it."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 65_536
"""Request line and headers together (more than AWS takes)."""
HEAD_S: Final = 30.0
"""How long the head may take to arrive."""
KEEP_ALIVE_S: Final = 75
"""Longer than clients keep idle connections, so that they close first and never send into a closed one."""
FINISH_S: Final = 30
"""How long requests in flight may take when the server stops."""

_ABSOLUTE_FORM: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse("Request header fields too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        absolute = _ABSOLUTE_FORM.match(self.url)
        if absolute is not None:
            # Whatever Host says (RFC 9112, 3.2.2).
            self.headers[:] = [header for header in self.headers if header[0] != b"host"]
            self.headers.append((b"host", absolute[1]))
        super().on_headers_complete()

    def _begin_head(self) -> None:
        self._end_head()
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_S, self._refuse, "Request header timeout.")

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, reason: str) -> None:
        self._end_head()
        if not self.transport.is_closing():
            self.send_400_response(reason)


class FrontDoorServer(uvicorn.Server):
    """Tells the application when it stops, so that answers without an end (followed logs) end.

    A signal ends the serving and nothing else: uvicorn's own server raises it again, which would end this process before
    the other parts are closed.
    """

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets requests in flight finish; a second Ctrl-C does not wait for them."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing()
        await super().shutdown(sockets)


def make_server(app: ASGIApp, closing: Callable[[], None]) -> FrontDoorServer:
    """A server for ``create_app``'s application; ``await serve(sockets=[...])`` runs it on bound sockets.

    ``closing`` is called once, when the server begins to stop.
    """
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_S,
    )
    return FrontDoorServer(config, closing)

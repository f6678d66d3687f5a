"""Connections over blocking sockets: kept alive, used by one thread at a time, made and closed as threads need them."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from raylambda.sdk.endpoint import CONNECT_S, IDLE_LINKS, IDLE_S, Endpoint, is_silent
from raylambda.sdk.exchange import READ_BYTES, Answer, AnswerBroken, Body, HttpPeer, LinkLost, may_repeat
from raylambda.sdk.signing import HttpRequest


class Deadline:
    """The end of a whole exchange, ``None`` for never."""

    def __init__(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        self._at = None if timeout_s is None else time.monotonic() + timeout_s

    def left(self) -> float | None:
        """Seconds that are left; raises ``TimeoutError`` when there are none."""
        if self._at is None:
            return None
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class BlockingLink:
    """One connection to the endpoint."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._peer = HttpPeer()
        self._process = os.getpid()
        self._idle_since = 0.0
        self.reused = False

    def ask(self, request: HttpRequest, deadline: Deadline) -> tuple[int, dict[str, str]]:
        """Send, and wait for status and headers. Raises ``LinkLost`` and ``TimeoutError``."""
        whole = False
        try:
            for piece in self._peer.request(request):
                self._socket.settimeout(deadline.left())
                self._socket.sendall(piece)
            whole = True
        except TimeoutError:
            raise
        except OSError as error:
            self._read_what_the_peer_said_first(error, deadline)
        try:
            while self._peer.head is None:
                self._read(deadline)
        except TimeoutError:
            raise
        except (OSError, AnswerBroken) as error:
            raise LinkLost(error, whole=whole) from None
        return self._peer.head

    def _read_what_the_peer_said_first(self, error: OSError, deadline: Deadline) -> None:
        """A server may refuse a request before it has taken the whole of it, and close: its answer is worth more than the error."""
        try:
            while self._peer.head is None:
                self._read(deadline)
        except (OSError, AnswerBroken):
            raise LinkLost(error, whole=False) from None

    def body(self, deadline: Deadline) -> Iterator[bytes]:
        """The body as it comes. Raises ``LinkLost`` and ``TimeoutError``."""
        while True:
            if piece := self._peer.take():
                yield piece
            if self._peer.complete:
                return
            try:
                self._read(deadline)
            except TimeoutError:
                raise
            except (OSError, AnswerBroken) as error:
                raise LinkLost(error, whole=True) from None

    def _read(self, deadline: Deadline) -> None:
        self._socket.settimeout(deadline.left())
        self._peer.receive(self._socket.recv(READ_BYTES))

    def rest(self) -> bool:
        """Whether it may be kept for the next request."""
        self._idle_since, self.reused = time.monotonic(), True
        return self._peer.reusable

    def is_fresh(self) -> bool:
        """Whether an idle connection can be used: not old, not closed by the peer, nothing said unasked, not another process's."""
        if self._process != os.getpid() or time.monotonic() - self._idle_since > IDLE_S:
            return False
        return is_silent(self._socket.fileno())

    def close(self) -> None:
        self._socket.close()


class BlockingConnections:
    """All connections to one endpoint. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._idle: deque[BlockingLink] = deque()
        self._tls = ssl.create_default_context() if endpoint.secure else None

    def close(self) -> None:
        """Close what is idle; what is in use is closed by its user."""
        while self._idle:
            self._idle.pop().close()

    def exchange(self, request: HttpRequest, timeout_s: float | None) -> Answer:
        """The whole answer, whatever its status. Raises ``PlatformUnreachable``."""
        with self.streamed(request, timeout_s) as (status, headers, pieces):
            body = Body()
            for piece in pieces:
                body.add(piece)
            return Answer(status, headers, body.whole())

    @contextmanager
    def streamed(
        self, request: HttpRequest, timeout_s: float | None
    ) -> Iterator[tuple[int, dict[str, str], Iterator[bytes]]]:
        """Status, headers, and the body as it comes; what fails inside of the block is ``PlatformUnreachable`` too."""
        deadline = Deadline(timeout_s)
        link: BlockingLink | None = None
        try:
            link, (status, headers) = self._asked(request, deadline)
            yield status, headers, link.body(deadline)
            if link.rest() and len(self._idle) < IDLE_LINKS:
                self._idle.append(link)
                link = None
        except TimeoutError:
            raise self._endpoint.late(timeout_s) from None
        except LinkLost as lost:
            raise self._endpoint.unreachable(lost.why, whole=lost.whole) from None
        except AnswerBroken as broken:
            raise self._endpoint.unreachable(broken, whole=True) from None
        finally:
            if link is not None:
                link.close()

    def _asked(self, request: HttpRequest, deadline: Deadline) -> tuple[BlockingLink, tuple[int, dict[str, str]]]:
        while True:
            link = self._idle_link() or self._connected(deadline)
            try:
                return link, link.ask(request, deadline)
            except BaseException as error:
                link.close()
                if not (isinstance(error, LinkLost) and may_repeat(request, error, reused=link.reused)):
                    raise

    def _idle_link(self) -> BlockingLink | None:
        while True:
            try:
                link = self._idle.pop()
            except IndexError:
                return None
            if link.is_fresh():
                return link
            link.close()

    def _connected(self, deadline: Deadline) -> BlockingLink:
        left = deadline.left()
        limit = CONNECT_S if left is None else min(left, CONNECT_S)
        try:
            connected = socket.create_connection((self._endpoint.host, self._endpoint.port), limit)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connected = self._tls.wrap_socket(connected, server_hostname=self._endpoint.host)
        except TimeoutError:
            raise self._endpoint.unreachable(f"no connection within {limit:g} s") from None
        except (OSError, UnicodeError) as error:
            raise self._endpoint.unreachable(error) from None
        return BlockingLink(connected)

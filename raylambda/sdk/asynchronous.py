"""Connections over asyncio: kept alive, used by one task at a time, each for the loop that made it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import SupportsIndex

from raylambda.sdk.endpoint import CONNECT_S, IDLE_LINKS, IDLE_S, Endpoint, is_silent
from raylambda.sdk.exchange import READ_BYTES, Answer, AnswerBroken, Body, HttpPeer, LinkLost, may_repeat
from raylambda.sdk.signing import HttpRequest


class CountingReader(asyncio.StreamReader):
    """Knows how much came, so that a connection on which something comes unasked is not used again."""

    came = 0

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        super().feed_data(data)
        self.came += len(bytes(data))


class AsyncLink:
    """One connection to the endpoint."""

    def __init__(self, reader: CountingReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._taken = 0
        self._writer = writer
        self._peer = HttpPeer()
        self._loop = asyncio.get_running_loop()
        self._idle_since = 0.0
        self.reused = False

    async def ask(self, request: HttpRequest) -> tuple[int, dict[str, str]]:
        """Send, and wait for status and headers. Raises ``LinkLost``."""
        whole = False
        try:
            for piece in self._peer.request(request):
                self._writer.write(piece)
                await self._writer.drain()
            whole = True
        except OSError as error:
            # A server may refuse a request before it has taken the whole of it: its answer is worth more than the error.
            reason: Exception = error
        try:
            while self._peer.head is None:
                await self._read()
        except (OSError, AnswerBroken) as error:
            raise LinkLost(error if whole else reason, whole=whole) from None
        return self._peer.head

    async def body(self, until: float | None) -> AsyncIterator[bytes]:
        """The body as it comes, up to this time of the loop. Raises ``LinkLost`` and ``TimeoutError``.

        Only reading is bounded: whoever iterates does other work between two pieces, and that work is not ours to cancel.
        """
        while True:
            if piece := self._peer.take():
                yield piece
            if self._peer.complete:
                return
            try:
                async with asyncio.timeout_at(until):
                    await self._read()
            except TimeoutError:
                raise
            except (OSError, AnswerBroken) as error:
                raise LinkLost(error, whole=True) from None

    async def _read(self) -> None:
        data = await self._reader.read(READ_BYTES)
        self._taken += len(data)
        self._peer.receive(data)

    def rest(self) -> bool:
        """Whether it may be kept for the next request."""
        self._idle_since, self.reused = time.monotonic(), True
        return self._peer.reusable

    def is_fresh(self) -> bool:
        """Whether an idle connection can be used: not old, not closed by the peer, nothing said unasked, not another loop's."""
        if self._loop is not asyncio.get_running_loop() or time.monotonic() - self._idle_since > IDLE_S:
            return False
        if self._writer.is_closing() or self._reader.at_eof() or self._reader.came != self._taken:
            return False
        return is_silent(self._writer.get_extra_info("socket").fileno())  # what the loop has not read yet

    def close(self) -> None:
        if not self._loop.is_closed():  # a loop that is closed has closed its sockets
            self._writer.transport.abort()


class AsyncConnections:
    """All connections to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._idle: deque[AsyncLink] = deque()
        self._tls = ssl.create_default_context() if endpoint.secure else None

    def close(self) -> None:
        """Close what is idle; what is in use is closed by its user."""
        while self._idle:
            self._idle.pop().close()

    async def exchange(self, request: HttpRequest, timeout_s: float | None) -> Answer:
        """The whole answer, whatever its status. Raises ``PlatformUnreachable``."""
        async with self.streamed(request, timeout_s) as (status, headers, pieces):
            body = Body()
            async for piece in pieces:
                body.add(piece)
            return Answer(status, headers, body.whole())

    @asynccontextmanager
    async def streamed(
        self, request: HttpRequest, timeout_s: float | None
    ) -> AsyncIterator[tuple[int, dict[str, str], AsyncIterator[bytes]]]:
        """Status, headers, and the body as it comes; what fails inside of the block is ``PlatformUnreachable`` too."""
        link: AsyncLink | None = None
        until = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(until):
                link, (status, headers) = await self._asked(request)
            yield status, headers, link.body(until)
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

    async def _asked(self, request: HttpRequest) -> tuple[AsyncLink, tuple[int, dict[str, str]]]:
        while True:
            link = self._idle_link() or await self._connected()
            try:
                return link, await link.ask(request)
            except BaseException as error:
                link.close()
                if not (isinstance(error, LinkLost) and may_repeat(request, error, reused=link.reused)):
                    raise

    def _idle_link(self) -> AsyncLink | None:
        while self._idle:
            link = self._idle.pop()
            if link.is_fresh():
                return link
            link.close()
        return None

    async def _connected(self) -> AsyncLink:
        target = self._endpoint
        loop = asyncio.get_running_loop()
        reader = CountingReader(READ_BYTES, loop)
        try:
            async with asyncio.timeout(CONNECT_S):
                transport, protocol = await loop.create_connection(
                    lambda: asyncio.StreamReaderProtocol(reader, loop=loop), target.host, target.port, ssl=self._tls
                )
        except TimeoutError:
            raise target.unreachable(f"no connection within {CONNECT_S:g} s") from None
        except (OSError, UnicodeError) as error:
            raise target.unreachable(error) from None
        return AsyncLink(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

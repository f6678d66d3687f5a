"""A client of the Runtime API that sends any bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RawReply:
    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One connection; replies are read in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, address: tuple[str, int]) -> RawClient:
        return cls(*await asyncio.open_connection(*address[:2], limit=1 << 24))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> RawReply:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)
        return await self.read()

    async def read_head(self) -> RawReply:
        async with asyncio.timeout(20):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")
        pairs = [line.partition(": ") for line in lines if line]
        return RawReply(int(status_line.split()[1]), {name.lower(): value for name, _, value in pairs}, b"")

    async def read(self) -> RawReply:
        head = await self.read_head()
        async with asyncio.timeout(20):
            body = await self._reader.readexactly(int(head.headers.get("content-length", "0")))
        return RawReply(head.status, head.headers, body)

    async def at_end(self) -> bool:
        """Whether the server closes the connection without another byte."""
        async with asyncio.timeout(20):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True

    def end_writing(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

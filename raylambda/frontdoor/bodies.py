"""Request bodies: read once, hashed on the way, refused as soon as they are over their limit."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from raylambda.model.errors import LambdaError, RequestTimeoutException

_SIZE = re.compile(r"[0-9]{1,19}")

STALL_S = 60.0
"""A body of which nothing arrives for so long is given up."""


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a body and their SHA-256 in hex, which the signature covers."""

    data: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """``refuse(size)`` makes the error for a body that has, or would have, ``size`` bytes."""

    size: int
    refuse: Callable[[int], LambdaError]


async def read_body(receive: Receive, content_length: str | None, limit: BodyLimit) -> Body:
    """Read the whole body; raises the limit's error while reading, ``ClientDisconnect`` when the peer goes away."""
    digest = hashlib.sha256()
    chunks: list[bytes] = []
    async for chunk in body_chunks(receive, content_length, limit):
        digest.update(chunk)
        chunks.append(chunk)
    return Body(b"".join(chunks), digest.hexdigest())


async def body_chunks(receive: Receive, content_length: str | None, limit: BodyLimit) -> AsyncIterator[bytes]:
    """The body as it arrives, for those that must not be in memory whole; raises as ``read_body`` does."""
    declared = int(content_length) if content_length is not None and _SIZE.fullmatch(content_length) else 0
    if declared > limit.size:
        raise limit.refuse(declared)
    size = 0
    more = True
    while more:
        message = await _next_message(receive)
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit.size:
            raise limit.refuse(size)
        yield chunk


async def _next_message(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(STALL_S):
            message = await receive()
    except TimeoutError:
        raise RequestTimeoutException(f"No part of the request body arrived within {STALL_S:.0f} seconds.") from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message

"""``PUT /_raylambda/packages/<sha256>``: a package of any size that Lambda takes, streamed to the disk.

The path says which digest the body is going to have, and the signature covers both: so it is known whose upload this is before
a byte of it is kept. It belongs to that account, and is there once all of it has arrived, has the digest and can be unpacked.

An account has so many turns at once that slow or hanging uploads of its own never take all there are; and one that is slower than
``LEAST_BYTES_S`` is given up, so that no turn is held for long by few bytes.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Final
from weakref import WeakValueDictionary

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from raylambda.frontdoor.arrival import Receiver
from raylambda.frontdoor.bodies import BodyLimit, body_chunks
from raylambda.frontdoor.front_door import FrontDoorParts
from raylambda.model.addressing import AccountAddress
from raylambda.model.clock import Clock
from raylambda.model.errors import (
    InvalidParameterValueException,
    RequestEntityTooLargeException,
    RequestTimeoutException,
)
from raylambda.model.limits import UNZIPPED_BYTES
from raylambda.services.lambda_.function_code import refuse_unusable
from raylambda.store.uploads import IncomingUpload, OtherBytes

PATH: Final = "/_raylambda/packages/{Sha256}"
AT_ONCE: Final = 16
"""More uploads wait, and do not fill the disk together."""
AT_ONCE_OF_ACCOUNT: Final = 4
"""Of these, one account's; its others wait for its own."""
LEAST_BYTES_S: Final = 32 * 1024
"""How fast an upload must be on average, after its first ``ALLOWED_S`` seconds: 250 MiB in about two hours."""
ALLOWED_S: Final = 60.0

_WRITE_BYTES: Final = 1 << 20
_SHA256: Final = re.compile("[0-9a-f]{64}")
_LIMIT: Final = BodyLimit(
    UNZIPPED_BYTES,
    lambda size: RequestEntityTooLargeException(
        f"A package of {size} bytes is too large: the limit is {UNZIPPED_BYTES}."
    ),
)


class PackageUploads:
    """The endpoint."""

    def __init__(self, parts: FrontDoorParts, receiver: Receiver) -> None:
        self._parts = parts
        self._receiver = receiver
        self._turns = asyncio.Semaphore(AT_ONCE)
        # An account is forgotten when none of its uploads has a turn or waits for one.
        self._turns_of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def upload(self, request: Request) -> Response:
        """Answers ``{"CodeSha256": base64, "CodeSize": bytes}``; the same again is the same upload."""
        sha256 = request.path_params["Sha256"]
        if _SHA256.fullmatch(sha256) is None:
            raise InvalidParameterValueException(
                "The path ends with the SHA-256 of the package: 64 digits of lower-case hex."
            )
        principal = self._receiver.admit(request, sha256)
        resource = AccountAddress(principal.account, principal.region)
        self._parts.authorize(principal, "raylambda:PutPackage", resource.arn)
        own_turns = self._turns_of.setdefault(principal.account, asyncio.Semaphore(AT_ONCE_OF_ACCOUNT))
        async with own_turns, self._turns, AsyncExitStack() as stack:
            incoming = self._parts.control.uploads.incoming(principal.account, sha256)
            upload = stack.enter_context(incoming)
            chunks = body_chunks(request.receive, request.headers.get("content-length"), _LIMIT)
            size = await _write(_paced(chunks, self._parts.control.clock), upload.write)
            await to_thread.run_sync(_finish, upload, sha256)
        return JSONResponse({"CodeSha256": base64.b64encode(bytes.fromhex(sha256)).decode(), "CodeSize": size})


async def _paced(chunks: AsyncIterator[bytes], clock: Clock) -> AsyncIterator[bytes]:
    """The same chunks; raises ``RequestTimeoutException`` when they come too slowly."""
    begun_s, size = clock.monotonic(), 0
    async for chunk in chunks:
        size += len(chunk)
        if clock.monotonic() - begun_s > ALLOWED_S + size / LEAST_BYTES_S:
            raise RequestTimeoutException(
                f"The upload is too slow: after {ALLOWED_S:.0f} seconds, {LEAST_BYTES_S} bytes a second are the least."
            )
        yield chunk


async def _write(chunks: AsyncIterator[bytes], write: Callable[[bytes], None]) -> int:
    """In pieces that are worth a thread; returns how many bytes there were."""
    size, waiting = 0, bytearray()
    async for chunk in chunks:
        size += len(chunk)
        waiting += chunk
        if len(waiting) >= _WRITE_BYTES:
            await to_thread.run_sync(write, bytes(waiting))
            waiting.clear()
    await to_thread.run_sync(write, bytes(waiting))
    return size


def _finish(upload: IncomingUpload, sha256: str) -> None:
    """Raises ``InvalidParameterValueException`` for bytes that are not those that were announced, or no package."""
    try:
        upload.finish(sha256)
    except OtherBytes as error:
        raise InvalidParameterValueException(f"The package did not arrive as it was announced: {error}.") from None
    refuse_unusable(upload.path)

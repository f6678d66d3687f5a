"""``PUT /_raylambda/packages/<sha256>``: a package of any size that Lambda takes, streamed to the disk.

The path says which digest the body is going to have, and the signature covers both: so it is known whose upload this is before
a byte of it is kept. It belongs to that account, and is there once all of it has arrived, has the digest and can be unpacked.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from raylambda.frontdoor.arrival import Receiver
from raylambda.frontdoor.bodies import BodyLimit, body_chunks
from raylambda.frontdoor.front_door import FrontDoorParts
from raylambda.model.addressing import AccountAddress
from raylambda.model.errors import InvalidParameterValueException, RequestEntityTooLargeException
from raylambda.model.limits import UNZIPPED_BYTES
from raylambda.services.lambda_.function_code import refuse_unusable
from raylambda.store.uploads import IncomingUpload, OtherBytes

PATH: Final = "/_raylambda/packages/{Sha256}"
AT_ONCE: Final = 16
"""More uploads wait, and do not fill the disk together."""

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
        async with self._turns, AsyncExitStack() as stack:
            incoming = self._parts.control.uploads.incoming(principal.account, sha256)
            upload = stack.enter_context(incoming)
            size = await _write(
                body_chunks(request.receive, request.headers.get("content-length"), _LIMIT), upload.write
            )
            await to_thread.run_sync(_finish, upload, sha256)
        return JSONResponse({"CodeSha256": base64.b64encode(bytes.fromhex(sha256)).decode(), "CodeSize": size})


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

"""``Code.Location``: links that a plain GET downloads for ten minutes, signed with a secret of this installation."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from raylambda.model.clock import Clock
from raylambda.model.errors import AccessDeniedException, ResourceNotFoundException
from raylambda.store.codestore import CodeMissing

LINK_S: Final = 600
PATH: Final = "/_raylambda/code/{Sha256}"
CHUNK_BYTES: Final = 1 << 18


class CodeLinks:
    """Makes and checks links; whoever has a link may read that one package until it expires."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def location(self, base_url: str, sha256: str) -> str:
        """The link below ``base_url`` (scheme and host) to the package of a hex digest."""
        expires = str(int(self._clock.now()) + LINK_S)
        path = PATH.replace("{Sha256}", sha256)
        return f"{base_url}{path}?Expires={expires}&Signature={self._sign(sha256, expires)}"

    def check(self, sha256: str, expires: str, signature: str) -> None:
        """Raises ``AccessDeniedException`` for a link that we did not make, or that has expired."""
        if not hmac.compare_digest(self._sign(sha256, expires).encode(), signature.encode("utf-8", "replace")):
            raise AccessDeniedException("Access Denied")
        if int(expires) < self._clock.now():
            raise AccessDeniedException("Request has expired")

    def _sign(self, sha256: str, expires: str) -> str:
        text = f"{sha256}\n{expires}".encode("utf-8", "replace")
        return hmac.digest(self._secret, text, hashlib.sha256).hex()


class CodeDownload:
    """``GET /_raylambda/code/<sha256>?Expires=..&Signature=..``: the package as it was uploaded."""

    def __init__(self, links: CodeLinks, open_code: Callable[[str], BinaryIO]) -> None:
        self._links = links
        self._open_code = open_code

    async def download(self, request: Request) -> Response:
        sha256 = request.path_params["Sha256"]
        self._links.check(sha256, request.query_params.get("Expires", ""), request.query_params.get("Signature", ""))
        try:
            package = await run_in_threadpool(self._open_code, sha256)
        except CodeMissing:
            raise ResourceNotFoundException("The package does not exist any more.") from None
        return _FileAnswer(package)


class _FileAnswer(StreamingResponse):
    """The whole of an open file, which it closes: however slowly it is read, one chunk of it is in memory."""

    def __init__(self, file: BinaryIO) -> None:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        headers = {"content-length": str(size)}
        super().__init__(iter(partial(file.read, CHUNK_BYTES), b""), headers=headers, media_type="application/zip")
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)

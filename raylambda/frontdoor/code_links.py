"""``Code.Location``: links that a plain GET downloads for ten minutes, signed with a secret of this installation."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from raylambda.model.clock import Clock
from raylambda.model.errors import AccessDeniedException, ResourceNotFoundException
from raylambda.store.codestore import CodeMissing

LINK_S: Final = 600
PATH: Final = "/_raylambda/code/{Sha256}"


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

    def __init__(self, links: CodeLinks, read_code: Callable[[str], bytes]) -> None:
        self._links = links
        self._read_code = read_code

    async def download(self, request: Request) -> Response:
        sha256 = request.path_params["Sha256"]
        self._links.check(sha256, request.query_params.get("Expires", ""), request.query_params.get("Signature", ""))
        try:
            package = await run_in_threadpool(self._read_code, sha256)
        except CodeMissing:
            raise ResourceNotFoundException("The package does not exist any more.") from None
        return Response(package, media_type="application/zip")

"""A client that costs little itself: one kept connection, requests signed once a round."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from raylambda.testing.platform import Platform


class LeanClient:
    """Invokes functions of one platform over one connection; not for use by several tasks at a time."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._host, _, port = platform.endpoint.removeprefix("http://").partition(":")
        self._port = int(port)
        self._signer = SigV4Auth(Credentials(platform.access_key_id, platform.secret), "lambda", platform.region)

    async def __aenter__(self) -> LeanClient:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    def prepare(self, function: str, payload: bytes) -> bytes:
        """The signed request as bytes; valid for five minutes."""
        path = f"/2015-03-31/functions/{function}/invocations"
        request = AWSRequest("POST", self._platform.endpoint + path, data=payload)
        self._signer.add_auth(request)
        headers: Mapping[str, str] = {**dict(request.headers.items()), "Content-Length": str(len(payload))}
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            *(f"{k}: {v}" for k, v in headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload

    async def send(self, request: bytes) -> tuple[bytes, float]:
        """Send a prepared request; the answer's body and the seconds it took. Raises RuntimeError unless it is a 200."""
        began = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), _content_length(head)
        body = await self._reader.readexactly(length)
        took = time.perf_counter() - began
        if status != 200 or b"x-amz-function-error" in head.lower():
            raise RuntimeError(f"{status}: {body.decode(errors='replace')}")
        return body, took


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise RuntimeError("an answer without Content-Length")

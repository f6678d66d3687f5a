"""A client that costs little itself: one kept connection, requests signed once a round."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from raylambda.testing.platform import Platform


class LeanClient:
    """Invokes functions of one platform over one connection, and blocks while it waits: no event loop of its own is in the figures."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._host, _, port = platform.endpoint.removeprefix("http://").partition(":")
        self._port = int(port)
        self._signer = SigV4Auth(Credentials(platform.access_key_id, platform.secret), "lambda", platform.region)

    def __enter__(self) -> LeanClient:
        self._socket = socket.create_connection((self._host, self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

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

    def send(self, request: bytes) -> tuple[bytes, float]:
        """Send a prepared request; the answer's body and the seconds it took. Raises RuntimeError unless it is a 200."""
        began = time.perf_counter()
        self._socket.sendall(request)
        head, _, body = self._receive_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        missing = _content_length(head) - len(body)
        while missing > 0:
            body += self._socket.recv(missing)
            missing = _content_length(head) - len(body)
        took = time.perf_counter() - began
        if int(head[9:12]) != 200 or b"x-amz-function-error" in head.lower():
            raise RuntimeError(f"{head!r}: {body.decode(errors='replace')}")
        return body, took

    def _receive_until(self, mark: bytes) -> bytes:
        data = b""
        while mark not in data:
            received = self._socket.recv(1 << 16)
            if not received:
                raise RuntimeError("the front door closed the connection")
            data += received
        return data


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise RuntimeError("an answer without Content-Length")

"""Signature Version 4 for httpx.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from time import gmtime, strftime
from urllib.parse import parse_qsl, quote

import httpx

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair; ``token`` is the session token of temporary credentials."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class SignatureV4(httpx.Auth):
    """Signs each request for ``lambda`` in ``region``; ``now`` gives epoch seconds.

    A body whose ``payload_sha256`` (hex) is known is not read to be signed, and may so be a stream.
    """

    def __init__(
        self, credentials: Credentials, region: str, now: Callable[[], float], payload_sha256: str | None = None
    ) -> None:
        self.requires_request_body = payload_sha256 is None
        self._payload_sha256 = payload_sha256
        self._credentials = credentials
        self._region = region
        self._now = now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        timestamp = strftime("%Y%m%dT%H%M%SZ", gmtime(self._now()))
        request.headers["X-Amz-Date"] = timestamp
        if self._payload_sha256 is not None:
            request.headers["X-Amz-Content-SHA256"] = self._payload_sha256
        if self._credentials.token is not None:
            request.headers["X-Amz-Security-Token"] = self._credentials.token
        request.headers["Authorization"] = self._authorization(request, timestamp)
        yield request

    def _authorization(self, request: httpx.Request, timestamp: str) -> str:
        scope = f"{timestamp[:8]}/{self._region}/lambda/aws4_request"
        headers = _headers_to_sign(request)
        payload_sha256 = self._payload_sha256 or hashlib.sha256(request.content).hexdigest()
        digest = hashlib.sha256(_canonical_request(request, headers, payload_sha256).encode()).hexdigest()
        text = "\n".join((ALGORITHM, timestamp, scope, digest))
        key = f"AWS4{self._credentials.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        signature = hmac.digest(key, text.encode(), hashlib.sha256).hex()
        credential = f"{self._credentials.access_key_id}/{scope}"
        return f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(headers)}, Signature={signature}"


def _headers_to_sign(request: httpx.Request) -> dict[str, str]:
    """Those that choose what the request does; a proxy may change the others."""
    signed = {name: value for name, value in request.headers.items() if name in {"host", "content-type"}}
    signed |= {name: value for name, value in request.headers.items() if name.startswith("x-amz-")}
    return {name: " ".join(signed[name].split()) for name in sorted(signed)}


def _canonical_request(request: httpx.Request, headers: dict[str, str], payload_sha256: str) -> str:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True))
    return "\n".join(
        (
            request.method,
            quote(path, safe="/~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(f"{name}:{value}\n" for name, value in headers.items()),
            ";".join(headers),
            payload_sha256,
        )
    )

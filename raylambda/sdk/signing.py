"""Signature Version 4: a request of the API becomes one of HTTP.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import gmtime, strftime
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair; ``token`` is the session token of temporary credentials."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FileBody:
    """A body that is read as it is sent: ``size`` in bytes, ``sha256`` in hex, both of the whole file."""

    path: Path
    size: int
    sha256: str

    def pieces(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """``path`` is percent-encoded, ``query`` and ``headers`` are not; ``signed`` is False for what anybody may ask."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileBody = b""
    signed: bool = True


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What goes on the wire: ``target`` is path and query, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | FileBody = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for ``lambda`` in ``region`` at the endpoint whose ``Host`` is ``host`` and whose path begins with ``prefix``."""

    credentials: Credentials
    region: str
    host: str
    prefix: str = ""

    def http_request(self, request: ApiRequest, now_s: float) -> HttpRequest:
        """``now_s``: epoch seconds. The length is always said, so that a request that breaks off is not taken for a whole one."""
        path = self.prefix + request.path
        query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(request.query.items()))
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.body
        headers |= {"host": self.host, "content-length": str(len(body) if isinstance(body, bytes) else body.size)}
        if request.signed:
            if isinstance(body, FileBody):
                headers["x-amz-content-sha256"] = body.sha256
            headers["x-amz-date"] = strftime("%Y%m%dT%H%M%SZ", gmtime(now_s))
            if self.credentials.token is not None:
                headers["x-amz-security-token"] = self.credentials.token
            headers["authorization"] = self._authorization(request, path, query, headers)
        return HttpRequest(request.method, f"{path}?{query}" if query else path, headers, body)

    def _authorization(self, request: ApiRequest, path: str, query: str, headers: Mapping[str, str]) -> str:
        signed = _headers_to_sign(headers)
        body = request.body
        canonical = "\n".join(
            (
                request.method,
                quote(path, safe="/~"),
                query,
                "".join(f"{name}:{value}\n" for name, value in signed.items()),
                ";".join(signed),
                hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else body.sha256,
            )
        )
        timestamp = headers["x-amz-date"]
        scope = f"{timestamp[:8]}/{self.region}/lambda/aws4_request"
        text = "\n".join((ALGORITHM, timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        key = f"AWS4{self.credentials.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        signature = hmac.digest(key, text.encode(), hashlib.sha256).hex()
        credential = f"{self.credentials.access_key_id}/{scope}"
        return f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(signed)}, Signature={signature}"


def _headers_to_sign(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that choose what the request does; a proxy may change the others."""
    names = sorted(name for name in headers if name in {"host", "content-type"} or name.startswith("x-amz-"))
    return {name: " ".join(headers[name].split()) for name in names}


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")

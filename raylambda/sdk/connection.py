"""One endpoint, one key: requests out, answers in, error answers as exceptions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from raylambda.sdk.signing import Credentials, SignatureV4
from raylambda.sdk.values import LambdaApiError, PlatformUnreachable

# The longest function runs 900 s; a log that is followed may be silent for ever.
_TIMEOUT: Final = httpx.Timeout(10.0, read=960.0, write=120.0)
_FOLLOWING: Final = httpx.Timeout(10.0, read=None)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """``path`` is percent-encoded; ``document`` becomes the JSON body, otherwise ``body`` is sent as it is."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    body: bytes = b""


class Connection:
    """Sends requests. Nothing is ever sent twice: an invocation that got no answer may have run."""

    def __init__(
        self, endpoint: str, credentials: Credentials, region: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._endpoint = endpoint
        self._credentials, self._region = credentials, region
        auth = SignatureV4(credentials, region, time.time)
        self._http = httpx.Client(base_url=endpoint, auth=auth, timeout=_TIMEOUT, transport=transport, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def send(self, request: ApiRequest) -> httpx.Response:
        """The answer, read whole; raises ``LambdaApiError`` and ``PlatformUnreachable``."""
        with self._exchange(request, _TIMEOUT) as response:
            response.read()
            return response

    def json(self, request: ApiRequest) -> dict[str, Any]:
        """The answer's document; ``{}`` when it has no body."""
        response = self.send(request)
        document: dict[str, Any] = response.json() if response.content else {}
        return document

    def upload(self, path: str, file: Path, sha256: str) -> None:
        """PUT a file that has this digest (hex), without reading it whole; raises as ``send`` does."""
        auth = SignatureV4(self._credentials, self._region, time.time, sha256)
        headers = {"Content-Length": str(file.stat().st_size)}
        with file.open("rb") as body:
            try:
                response = self._http.put(path, content=body, headers=headers, auth=auth, timeout=_TIMEOUT)
            except httpx.TransportError as error:
                raise self._unreachable(error) from error
        if response.is_error:
            raise _api_error(response)

    def lines(self, request: ApiRequest) -> Iterator[str]:
        """The lines of an answer, as they come; it may never end."""
        with self._exchange(request, _FOLLOWING) as response:
            yield from response.iter_lines()

    def probe(self, path: str) -> int | None:
        """The status of a GET without signature, ``None`` when nobody answers."""
        try:
            return self._http.get(path, auth=None, timeout=10.0).status_code
        except httpx.TransportError:
            return None

    @contextmanager
    def _exchange(self, request: ApiRequest, timeout: httpx.Timeout) -> Iterator[httpx.Response]:
        http_request = self._http.build_request(
            request.method,
            request.path,
            params=request.query or None,
            headers=request.headers,
            json=request.document,
            content=request.body if request.document is None else None,
            timeout=timeout,
        )
        try:
            response = self._http.send(http_request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    raise _api_error(response)
                yield response
            finally:
                response.close()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> PlatformUnreachable:
        return PlatformUnreachable(f"no answer from {self._endpoint}: {str(error) or type(error).__name__}")


def _api_error(response: httpx.Response) -> LambdaApiError:
    code = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    try:
        document = response.json()
    except ValueError:
        document = {}
    members = document if isinstance(document, dict) else {}
    message = members.get("message") or members.get("Message") or response.reason_phrase
    return LambdaApiError(code or f"HTTP{response.status_code}", str(message), response.status_code)

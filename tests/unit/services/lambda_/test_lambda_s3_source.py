"""Packages out of S3: what is read, and what becomes of every failure."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from raylambda.services.lambda_.context import S3Failure
from raylambda.services.lambda_.s3_source import WHOLE_S, S3Source
from raylambda.testing.clock import ManualClock


class Body:
    """A streaming body that delivers its chunks and lets ``clock`` move before each."""

    def __init__(self, chunks: list[bytes | Exception], clock: ManualClock, seconds: float = 0.0) -> None:
        self._chunks = list(chunks)
        self._clock = clock
        self._seconds = seconds
        self.closed = False

    def read(self, _size: int) -> bytes:
        self._clock.advance(self._seconds)
        chunk = self._chunks.pop(0) if self._chunks else b""
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.closed = True


class Client:
    """Answers every GetObject with one reply."""

    def __init__(self, reply: Body | Exception) -> None:
        self._reply = reply
        self.requests: list[dict[str, str]] = []

    def get_object(self, **request: str) -> dict[str, Any]:
        self.requests.append(request)
        if isinstance(self._reply, Exception):
            raise self._reply
        return {"Body": self._reply}


def a_source(client: Client, clock: ManualClock, most_bytes: int = 100) -> S3Source:
    return S3Source("eu-central-1", clock, make_client=lambda _region: client, most_bytes=most_bytes)


@pytest.mark.parametrize(
    ("version", "request_sent"),
    [(None, {"Bucket": "b", "Key": "k"}), ("7", {"Bucket": "b", "Key": "k", "VersionId": "7"})],
)
def test_the_whole_object_is_read(version: str | None, request_sent: dict[str, str]) -> None:
    clock = ManualClock()
    body = Body([b"half ", b"and half"], clock)
    client = Client(body)

    data = a_source(client, clock)("b", "k", version)

    assert data == b"half and half"
    assert client.requests == [request_sent]
    assert body.closed


def test_s3_s_own_error_is_passed_on() -> None:
    clock = ManualClock()
    missing = ClientError({"Error": {"Code": "NoSuchKey", "Message": "The specified key does not exist."}}, "GetObject")

    with pytest.raises(S3Failure) as failure:
        a_source(Client(missing), clock)("b", "k", None)

    assert (failure.value.code, str(failure.value)) == ("NoSuchKey", "The specified key does not exist.")


@pytest.mark.parametrize(
    ("chunks", "seconds", "code"),
    [
        ([b"x" * 60, b"x" * 60], 0.0, "EntityTooLarge"),
        ([b"x"] * 50, WHOLE_S / 10, "RequestTimeout"),
        ([b"x", ReadTimeoutError(endpoint_url="http://s3")], 0.0, "ServiceUnavailable"),
        ([ConnectionResetError("gone")], 0.0, "ServiceUnavailable"),
    ],
    ids=["too large", "too slow", "stalled", "broken"],
)
def test_a_body_that_does_not_come_to_an_end(chunks: list[bytes | Exception], seconds: float, code: str) -> None:
    clock = ManualClock()
    body = Body(chunks, clock, seconds)

    with pytest.raises(S3Failure) as failure:
        a_source(Client(body), clock)("b", "k", None)

    assert failure.value.code == code
    assert body.closed


def test_no_s3_at_all() -> None:
    clock = ManualClock()
    nobody = EndpointConnectionError(endpoint_url="http://s3")

    with pytest.raises(S3Failure) as failure:
        a_source(Client(nobody), clock)("b", "k", None)

    assert failure.value.code == "ServiceUnavailable"

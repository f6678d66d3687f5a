"""Packages out of S3, or whatever ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL`` point boto3 to.

A client is made for every fetch, so S3 may appear, move and go away while raylambda runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from raylambda.model.clock import Clock
from raylambda.model.limits import UNZIPPED_BYTES
from raylambda.services.lambda_.context import S3Failure

CONNECT_S: Final = 5
READ_S: Final = 20
WHOLE_S: Final = 120.0
"""A source that delivers a little in every ``READ_S`` must not hold a request for ever."""

_CHUNK_BYTES: Final = 1 << 20


def make_s3_client(region: str) -> Any:
    """A client with bounded waits; boto3 finds endpoint and credentials by AWS's standard settings."""
    config = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 2})
    return boto3.session.Session().client("s3", region_name=region, config=config)


class S3Source:
    """Implements ``ControlParts.fetch_s3`` for one region."""

    def __init__(
        self,
        region: str,
        clock: Clock,
        make_client: Callable[[str], Any] = make_s3_client,
        most_bytes: int = UNZIPPED_BYTES,
    ) -> None:
        self._region = region
        self._clock = clock
        self._make_client = make_client
        self._most_bytes = most_bytes

    def __call__(self, bucket: str, key: str, version: str | None) -> bytes:
        """The whole object; raises ``S3Failure``, also when S3 cannot be reached or the object is too large."""
        request = {"Bucket": bucket, "Key": key} | ({} if version is None else {"VersionId": version})
        try:
            reply = self._make_client(self._region).get_object(**request)
            with reply["Body"] as body:
                return self._read(body)
        except ClientError as error:
            failure = error.response.get("Error", {})
            raise S3Failure(failure.get("Code", "Unknown"), failure.get("Message", str(error))) from error
        except (BotoCoreError, OSError) as error:
            raise S3Failure("ServiceUnavailable", f"S3 cannot be read: {error}") from error

    def _read(self, body: Any) -> bytes:
        """In chunks, so that neither the announced nor the real length can exceed the limit."""
        deadline = self._clock.monotonic() + WHOLE_S
        data = bytearray()
        while chunk := body.read(_CHUNK_BYTES):
            data += chunk
            if len(data) > self._most_bytes:
                raise S3Failure("EntityTooLarge", f"the object has more than {self._most_bytes} bytes")
            if self._clock.monotonic() > deadline:
                raise S3Failure("RequestTimeout", f"the object did not arrive within {WHOLE_S:.0f} seconds")
        return bytes(data)

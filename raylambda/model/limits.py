"""AWS's numbers, each once (lambda-reference.md 5, 7, 11, 13; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

from __future__ import annotations

from typing import Final

ACCOUNT_CONCURRENCY: Final = 1000
UNRESERVED_CONCURRENCY_MINIMUM: Final = 100
STARTS_PER_FUNCTION: Final = 1000
STARTS_WINDOW_S: Final = 10.0

SYNC_PAYLOAD_BYTES: Final = 6_291_456
RESPONSE_PAYLOAD_BYTES: Final = 6_291_556
ASYNC_PAYLOAD_BYTES: Final = 1_048_576
CLIENT_CONTEXT_BYTES: Final = 3583
LOG_TAIL_BYTES: Final = 4096

INIT_TIMEOUT_S: Final = 10.0

ZIPPED_BYTES: Final = 52_428_800
UNZIPPED_BYTES: Final = 262_144_000
REQUEST_BYTES: Final = 70_167_211
CODE_STORAGE_BYTES: Final = 80_530_636_800

FILE_DESCRIPTORS: Final = 1024
PROCESSES: Final = 1024

ASYNC_RETRY_WAITS_S: Final = (60.0, 120.0)
ASYNC_MAX_AGE_S: Final = 21_600.0
ASYNC_BACKOFF_FIRST_S: Final = 1.0
ASYNC_BACKOFF_LAST_S: Final = 300.0

"""A small client for a raylambda platform, or anything else that speaks Lambda's API.

``Client`` signs its requests (Signature Version 4), turns error answers into ``LambdaApiError``, and gives back plain frozen
values. It covers what ``raylambda`` the command needs, and the platform's own paths below ``/_raylambda/``, which boto3
does not know; for the rest of Lambda's API use boto3, which works against the same endpoint.

* ``client``      the methods
* ``values``      what they take and give back, and the errors
* ``connection``  one endpoint: requests out, answers in, error answers as exceptions
* ``signing``     the signer, as an ``httpx.Auth``

It imports nothing of raylambda but ``model``, so that it starts fast.
"""

from __future__ import annotations

from raylambda.sdk.client import Client
from raylambda.sdk.values import (
    AliasDescription,
    ClientError,
    FunctionDescription,
    FunctionSettings,
    InvokeResult,
    LambdaApiError,
    LogQuery,
    LogRecord,
    LogSearchEnded,
    NotActive,
    PlatformUnreachable,
)

__all__ = [
    "AliasDescription",
    "Client",
    "ClientError",
    "FunctionDescription",
    "FunctionSettings",
    "InvokeResult",
    "LambdaApiError",
    "LogQuery",
    "LogRecord",
    "LogSearchEnded",
    "NotActive",
    "PlatformUnreachable",
]

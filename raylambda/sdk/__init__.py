"""A client for a raylambda platform, or anything else that speaks Lambda's API; and its twin for asyncio.

``Client`` finds the platform by itself, signs its requests (Signature Version 4), takes Python values as payloads and gives
them back, and turns error answers into exceptions. It covers what ``raylambda`` the command needs, and the platform's own
paths below ``/_raylambda/``, which boto3 does not know; for the rest of Lambda's API use boto3, which works against the same
endpoint.

What is sent and how answers are read is decided once and without a socket; two thin shells do it, blocking and with asyncio::

    connection ──▶ session ──▶ client        ──▶ blocking       sockets
     profiles                  async_client  ──▶ asynchronous   asyncio
                    operations ──▶ signing ──▶ exchange         bytes

* ``client``        ``Client``: the methods
* ``async_client``  ``AsyncClient``: the same, awaited (not imported here: asyncio would cost the command line its start)
* ``operations``    each operation: its request, and how its answer is read
* ``deployment``    a folder becomes a function in one step
* ``packaging``     its zip, with its dependencies; ``entry_points`` finds its handler
* ``values``        what the methods take and give back
* ``errors``        what they raise
* ``connection``    where the platform is and with which key
* ``profiles``      what AWS's shared files say of that
* ``session``       a platform, a key and a region, ready to sign
* ``signing``       a request of the API becomes a signed one of HTTP
* ``exchange``      HTTP on one connection as bytes out and bytes in, and what may be sent twice
* ``endpoint``      where connections go, and how their failures are told
* ``blocking``, ``asynchronous``  connections that are kept alive

It imports nothing of raylambda but ``model``, and beside the standard library only ``h11``, so that it starts fast.
"""

from __future__ import annotations

from raylambda.sdk.client import Client
from raylambda.sdk.deployment import Deployment, DeployOptions
from raylambda.sdk.errors import (
    AnswerLate,
    AnswerNotUnderstood,
    ClientError,
    FunctionError,
    LambdaApiError,
    LogSearchEnded,
    NotActive,
    NotConnected,
    PayloadNotJson,
    PlatformUnreachable,
)
from raylambda.sdk.values import (
    AliasDescription,
    FunctionDescription,
    FunctionSettings,
    InvokeResult,
    LogQuery,
    LogRecord,
)

__all__ = [
    "AliasDescription",
    "AnswerLate",
    "AnswerNotUnderstood",
    "Client",
    "ClientError",
    "DeployOptions",
    "Deployment",
    "FunctionDescription",
    "FunctionError",
    "FunctionSettings",
    "InvokeResult",
    "LambdaApiError",
    "LogQuery",
    "LogRecord",
    "LogSearchEnded",
    "NotActive",
    "NotConnected",
    "PayloadNotJson",
    "PlatformUnreachable",
]

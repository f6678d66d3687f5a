"""Builders with defaults, for tests of every folder: ``a_version(memory_mb=256)`` is ``hello`` but for its memory."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

from raylambda.model.environment import StartEnvironment
from raylambda.model.function import FunctionRecord, FunctionVersion, State
from raylambda.model.invocation import Call, Completion, Invocation, InvocationResult

ACCOUNT, REGION = "123456789012", "us-east-1"
KEY = (ACCOUNT, REGION, "hello")
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"
REQUEST_ID = "8f507cfc-0000-4000-8000-000000000001"
OWN_PYTHON = "python{}.{}".format(*sys.version_info[:2])


def a_zip(files: Mapping[str, str | bytes], mode: int = 0o755) -> bytes:
    """A deployment package with these files; always the same bytes for the same files, so it is not compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def a_version(**changes: Any) -> FunctionVersion:
    """``$LATEST`` of a function in the Python of the tests, active."""
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "name": "hello",
        "version": "$LATEST",
        "generation": "g1",
        "state": State.ACTIVE,
        "runtime": OWN_PYTHON,
        "handler": "app.handler",
        "code_sha256": "0" * 64,
        "code_size": 200,
    }
    return FunctionVersion(**{**values, **changes})


def a_record(*versions: FunctionVersion, **changes: Any) -> FunctionRecord:
    """A function with these versions, otherwise with ``$LATEST`` alone; the first one says whose and how it is called."""
    versions = versions or (a_version(),)
    values: dict[str, Any] = {
        "account": versions[0].account,
        "region": versions[0].region,
        "name": versions[0].name,
        "versions": {version.version: version for version in versions},
    }
    return FunctionRecord(**{**values, **changes})


def a_call(payload: bytes = b"{}", **changes: Any) -> Call:
    """An event for ``hello``, as a client sends it."""
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "name": "hello",
        "qualifier": None,
        "request_id": "r1",
    }
    return Call(**{**values, "payload": payload, **changes})


def an_invocation(payload: bytes = b'{"a":1}', **changes: Any) -> Invocation:
    """The same on its way to an environment; it asks for the end of the log."""
    values: dict[str, Any] = {"request_id": REQUEST_ID, "invoked_arn": ARN, "tail": True}
    return Invocation(**{**values, "payload": payload, **changes})


def a_start(environment_id: str = "e1", version: FunctionVersion | None = None, **changes: Any) -> StartEnvironment:
    """The order to start an environment; without ``package`` the node must have the code already."""
    values: dict[str, Any] = {"version": version or a_version(), "log_stream": f"2027/01/15/[$LATEST]{environment_id}"}
    return StartEnvironment(environment_id, **{**values, **changes})


def a_completion(payload: bytes = b"null", function_error: str | None = None, **changes: Any) -> Completion:
    """A call that ``$LATEST`` has run; ``changes`` are those of its result."""
    return Completion(InvocationResult(payload, function_error, **changes), "$LATEST")

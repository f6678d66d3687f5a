"""Functions for tests on a running platform: deployed with boto3, called, and waited for."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import Any

import boto3
from botocore.config import Config

from raylambda.sdk import Client
from raylambda.testing.platform import Platform
from tests.builders import a_zip


def client_of(platform: Platform, **changes: Any) -> Any:
    """boto3's Lambda client without retries, so that a test sees the first answer."""
    config = Config(retries={"max_attempts": 0}, read_timeout=90, max_pool_connections=64)
    return boto3.client("lambda", config=config, **{**platform.boto3_arguments(), **changes})


def deployed(client: Any, source: str, **configuration: Any) -> str:
    """Deploy one file's source, or ``Files``, as a function that is active when this returns; returns its name."""
    name: str = configuration.pop("FunctionName", f"test-{uuid.uuid4().hex[:12]}")
    files = configuration.pop("Files", {"app.py": source})
    defaults = {"Runtime": "python3.11", "Handler": "app.handler", "Role": "arn:aws:iam::123456789012:role/test"}
    client.create_function(FunctionName=name, Code={"ZipFile": a_zip(files)}, **{**defaults, **configuration})
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def called(client: Any, name: str, payload: Any = None, **more: Any) -> Any:
    """What the function returns; its error fails the test."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body


def log_lines(platform: Platform, name: str) -> list[str]:
    """What the function wrote so far."""
    with closing(Client(platform.endpoint, platform.access_key_id, platform.secret, platform.region)) as own_client:
        return [entry.message for entry in own_client.logs(name)]

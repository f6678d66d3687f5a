"""One platform for all end-to-end tests, started as a user starts it; nothing of it may be left afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from raylambda.testing.platform import Platform, running_platform
from tests.builders import a_zip

SETTINGS = {
    "RAYLAMBDA_ASYNC_RETRY_WAITS_S": "0.2,0.4",
    "RAYLAMBDA_FUNCTION_ENV": '{"OPERATOR_SAYS": "hello"}',
}


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with running_platform(SETTINGS) as platform:
        yield platform


@pytest.fixture(scope="session")
def client(platform: Platform) -> Any:
    """boto3's Lambda client without retries, so that a test sees the first answer."""
    config = Config(retries={"max_attempts": 0}, read_timeout=90, max_pool_connections=64)
    return boto3.client("lambda", config=config, **platform.boto3_arguments())


Deploy = Callable[..., str]


@pytest.fixture
def deploy(client: Any) -> Iterator[Deploy]:
    """Deploy one file's source as a function that is active when this returns; removed after the test."""
    names: list[str] = []

    def _deploy(source: str, **configuration: Any) -> str:
        name = configuration.pop("FunctionName", f"test-{uuid.uuid4().hex[:12]}")
        files = configuration.pop("Files", {"app.py": source})
        defaults = {"Runtime": "python3.11", "Handler": "app.handler", "Role": "arn:aws:iam::123456789012:role/test"}
        client.create_function(FunctionName=name, Code={"ZipFile": a_zip(files)}, **{**defaults, **configuration})
        names.append(name)
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        return name

    yield _deploy
    for name in names:
        try:
            client.delete_function(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            continue

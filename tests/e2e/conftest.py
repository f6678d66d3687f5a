"""One platform for all end-to-end tests, started as a user starts it; nothing of it may be left afterwards."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest

from raylambda.testing.platform import Platform, running_platform
from tests.e2e.functions import client_of, deployed


@dataclass(frozen=True)
class Neighbours:
    """Ports on this machine's loopback for services that tests start: S3, one that functions may reach, and one they may not."""

    s3: int
    allowed: int
    refused: int


@pytest.fixture(scope="session")
def neighbours() -> Neighbours:
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(3)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return Neighbours(*(one.getsockname()[1] for one in sockets))


@pytest.fixture(scope="session")
def platform(neighbours: Neighbours) -> Iterator[Platform]:
    settings = {
        "RAYLAMBDA_ASYNC_RETRY_WAITS_S": "0.2,0.4",
        "RAYLAMBDA_FUNCTION_ENV": '{"OPERATOR_SAYS": "hello"}',
        "RAYLAMBDA_EGRESS_ALLOW": f"host.raylambda.internal:{neighbours.allowed}",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{neighbours.s3}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with running_platform(settings) as platform:
        yield platform


@pytest.fixture(scope="session")
def client(platform: Platform) -> Any:
    return client_of(platform)


Deploy = Callable[..., str]


@pytest.fixture
def deploy(client: Any) -> Iterator[Deploy]:
    """Deploy one file's source as a function that is active when this returns; removed after the test."""
    names: list[str] = []

    def _deploy(source: str, **configuration: Any) -> str:
        names.append(deployed(client, source, **configuration))
        return names[-1]

    yield _deploy
    for name in names:
        try:
            client.delete_function(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            continue

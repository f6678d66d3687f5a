"""The warm path of an invocation runs no SQL and makes one call to a host (design.md 3)."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import boto3
import pytest
from sqlalchemy import event

from raylambda.boot.platform import Platform, open_platform
from raylambda.frontdoor.app import create_app
from raylambda.frontdoor.server import make_server
from raylambda.model.clock import SystemClock
from raylambda.settings import AccessKey, Settings
from raylambda.testing.hosts import FakeCluster, FakePackages
from tests.builders import a_zip

pytestmark = pytest.mark.anyio

KEY = AccessKey("AKIDWARM", "secret", "123456789012")
CALLS = 20


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
async def platform(tmp_path: Path, cluster: FakeCluster) -> AsyncIterator[Platform]:
    settings = Settings(home=tmp_path, access_keys=(KEY,))
    async with open_platform(settings, SystemClock(), cluster, FakePackages()) as platform:
        yield platform


async def test_warm_invocations_run_no_sql_and_make_one_host_call_each(
    platform: Platform, cluster: FakeCluster
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(create_app(platform.front_door), platform.front_door.logs.close)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        region_name="us-east-1",
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret,
    )
    await asyncio.to_thread(
        client.create_function,
        FunctionName="warm",
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/test",
        Handler="app.handler",
        Code={"ZipFile": a_zip({"app.py": "def handler(event, context): ..."})},
    )

    def invoke() -> object:
        return json.loads(client.invoke(FunctionName="warm", Payload=b'{"n": 1}')["Payload"].read())

    assert await asyncio.to_thread(invoke) == {"n": 1}
    statements: list[str] = []
    event.listen(platform.front_door.database.engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    [host] = cluster.made
    calls_before = len(host.invocations)

    for _ in range(CALLS):
        await asyncio.to_thread(invoke)

    # The follower and the dispatcher look at their tables now and then, whatever the invocations do.
    theirs = ("BEGIN", "change", "event", "follower")
    own = [statement for statement in statements if not any(word in statement for word in theirs)]
    server.should_exit = True
    await serving
    assert own == []
    assert len(host.invocations) - calls_before == CALLS
    assert len(host.environments) == 1

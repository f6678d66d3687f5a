"""`GET /_raylambda/status?detail=all` on a whole platform with fake hosts: the stories of one's own functions, and of nobody else's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from raylambda.boot.platform import open_platform
from raylambda.frontdoor.app import create_app
from raylambda.frontdoor.server import make_server
from raylambda.model.clock import SystemClock
from raylambda.sdk import Client, LambdaApiError
from raylambda.settings import AccessKey, Settings
from raylambda.testing.hosts import FakeCluster, FakePackages
from tests.builders import a_zip

pytestmark = pytest.mark.anyio

OURS = AccessKey("AKIDOURS", "our-secret", "111111111111")
THEIRS = AccessKey("AKIDTHEIRS", "their-secret", "222222222222")
REGION = "us-east-1"


@dataclass
class Served:
    """A platform that two accounts use. Its clients block, so they work in threads."""

    url: str
    cluster: FakeCluster

    async def status(self, key: AccessKey, function: str | None = None) -> dict[str, Any]:
        client = Client(self.url, key.access_key_id, key.secret, REGION)
        return await asyncio.to_thread(lambda: client.status(detail=True, function=function))

    async def invoked(self, key: AccessKey, name: str, **settings: Any) -> None:
        """A new function that was invoked once, be it in vain."""
        await asyncio.to_thread(self._deploy_and_invoke, key, name, settings)

    def _deploy_and_invoke(self, key: AccessKey, name: str, settings: dict[str, Any]) -> None:
        client = boto3.client(
            "lambda",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=f"arn:aws:iam::{key.account}:role/any",
            Handler="app.handler",
            Code={"ZipFile": a_zip({"app.py": ""})},
            **settings,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        try:
            client.invoke(FunctionName=name, Payload=b"{}")
        except ClientError:
            return


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    settings = Settings(home=tmp_path, access_keys=(OURS, THEIRS))
    cluster = FakeCluster(memory_mb=1024)
    async with open_platform(settings, SystemClock(), cluster, FakePackages()) as platform:
        listener = socket.create_server(("127.0.0.1", 0))
        server = make_server(create_app(platform.front_door), platform.front_door.logs.close)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", cluster)
        server.should_exit = True
        await serving


async def test_an_environment_is_shown_with_the_fleets_decisions_and_its_life_cycle(served: Served) -> None:
    await served.invoked(OURS, "hello")

    [story] = (await served.status(OURS, "hello"))["functions"]

    [environment] = story["environments"]
    assert [step["to"] for step in environment["story"]] == ["queued", "starting", "idle", "leased", "idle"]
    assert environment["life_cycle"]["environment_id"] == environment["environment_id"]
    assert story["concurrency"]["units"] == 0


async def test_a_refusal_is_told_with_its_reason(served: Served) -> None:
    await served.invoked(OURS, "huge", MemorySize=4096)

    [story] = (await served.status(OURS, "huge"))["functions"]

    assert [one["refusal"] for one in story["refusals"]] == ["unplaceable"]
    assert "4096 MB" in story["refusals"][0]["message"]


async def test_the_stories_of_a_foreign_account_are_not_told(served: Served) -> None:
    await served.invoked(OURS, "hello")
    await served.invoked(THEIRS, "secret")

    told = await served.status(THEIRS)

    assert [story["function"] for story in told["functions"]] == ["secret"]
    assert "hello" not in str(told)
    assert OURS.account not in str(told)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("hello", "ResourceNotFoundException"),
        (f"arn:aws:lambda:{REGION}:{OURS.account}:function:hello", "AccessDeniedException"),
    ],
)
async def test_a_function_of_a_foreign_account_cannot_be_asked_for(served: Served, named: str, code: str) -> None:
    await served.invoked(OURS, "hello")

    with pytest.raises(LambdaApiError) as refused:
        await served.status(THEIRS, named)

    assert refused.value.code == code


async def test_a_frozen_host_does_not_keep_the_answer(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    await served.invoked(OURS, "hello")
    [host] = served.cluster.made
    monkeypatch.setattr(host, "describe", _never)

    [story] = (await served.status(OURS, "hello"))["functions"]

    assert [one["state"] for one in story["environments"]] == ["idle"]
    assert [one["life_cycle"] for one in story["environments"]] == [None]


async def _never() -> None:
    await asyncio.Event().wait()

"""The warm path inside the front door: what an invocation over Ray costs against a bare actor call of the same process."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import ray
import uvloop

from raylambda.boot.platform import Platform, open_platform, ray_cluster
from raylambda.frontdoor.app import create_app
from raylambda.frontdoor.server import make_server
from raylambda.model.clock import SystemClock
from raylambda.model.invocation import Call
from raylambda.settings import AccessKey, Settings

KEY = AccessKey("AKIDBENCH", "secret", "123456789012")


class Bare:
    """An actor that does nothing."""

    async def ping(self) -> int:
        return 1


def measure(rounds: int, calls: int, deploy: Callable[[Any, str], None]) -> tuple[list[float], list[float]]:
    """Seconds of each invocation (resolve to settle), and of each bare call; rounds alternate."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), network="none", access_keys=(KEY,))
        with ray_cluster(settings):
            return uvloop.run(_measure(settings, rounds, calls, deploy))


async def _measure(
    settings: Settings, rounds: int, calls: int, deploy: Callable[[Any, str], None]
) -> tuple[list[float], list[float]]:
    async with open_platform(settings, SystemClock()) as platform:
        await platform.driver.ready()
        await _deploy(platform, deploy)
        actor: Any = ray.remote(Bare).options(num_cpus=0).remote()
        await actor.ping.remote()

        async def ping() -> None:
            await actor.ping.remote()

        async def invoke() -> None:
            await platform.invoker.invoke(Call(KEY.account, "us-east-1", "bench", None, str(uuid.uuid4()), b"{}"))

        await invoke()
        ours: list[float] = []
        floor: list[float] = []
        for _ in range(rounds):
            ours += [await _timed(invoke) for _ in range(calls)]
            floor += [await _timed(ping) for _ in range(calls)]
        return ours, floor


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _deploy(platform: Platform, deploy: Callable[[Any, str], None]) -> None:
    """Over HTTP, as anybody does; the server stays for so long only."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(create_app(platform.door), lambda: None)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        region_name="us-east-1",
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret,
    )
    await asyncio.to_thread(deploy, client, "bench")
    server.should_exit = True
    await serving

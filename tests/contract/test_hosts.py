"""The contract of hosts, on the fakes that ship."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from raylambda.hosts.ports import Host
from raylambda.model.environment import LogLines, StartEnvironment
from raylambda.model.function import FunctionVersion
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.testing.hosts import FakeCluster, FakeHost, Script
from tests.builders import a_version
from tests.contract.host_contract import Driver, HostContract

pytestmark = pytest.mark.anyio


class FakeDriver:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.cluster = FakeCluster(script=Script(answer=self.answer), poll_s=0.01)

    def version(self) -> FunctionVersion:
        return a_version()

    def package(self) -> list[Any]:
        return [b""]

    def kill(self, host: Host) -> None:
        assert isinstance(host, FakeHost)
        host.kill()

    async def answer(self, start: StartEnvironment, invocation: Invocation) -> InvocationResult:
        match json.loads(invocation.payload)["do"]:
            case "hang":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(0.1)
                self.counts[start.environment_id] += 1
        return InvocationResult(b"%d" % self.counts[start.environment_id])


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


class TestFakeHosts(HostContract):
    async def test_what_nobody_has_heard_comes_back_with_the_release(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        assert isinstance(host, FakeHost)
        lines = LogLines("a", "r", "group", "stream", ((1, "hi"),))
        host.emit(lines)

        assert list(await driver.cluster.release_host(host)) == [lines]

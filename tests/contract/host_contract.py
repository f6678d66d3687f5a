"""What every implementation of ``Cluster`` and ``Host`` promises (hosts/ports.py): fakes and Ray pass the same tests.

The function under test understands three events: ``{"do": "echo"}`` answers with the count of finished ``slow`` events,
``slow`` takes a moment and counts, ``hang`` never ends.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol
from uuid import uuid4

import pytest

from raylambda.hosts.ports import Cluster, Host, HostClass, HostLost, NoSuchEnvironment
from raylambda.model.environment import PrepareVersion
from raylambda.model.function import FunctionVersion
from raylambda.model.invocation import InvocationResult
from raylambda.model.ray_options import RayOptions
from tests.builders import a_start, an_invocation

DEFAULT = HostClass("default", RayOptions())
WITHIN_S = 30.0


class Driver(Protocol):
    """How the contract reaches one implementation."""

    cluster: Cluster

    def version(self) -> FunctionVersion:
        """The function under test."""
        ...

    def package(self) -> list[Any]: ...

    def kill(self, host: Host) -> None:
        """Take the host away without a word."""
        ...


class HostContract:
    """Subclasses give the fixture ``driver``."""

    async def a_host(self, driver: Driver) -> Host:
        return await driver.cluster.create_host(uuid4().hex, DEFAULT, 128)

    async def an_environment(self, driver: Driver, host: Host) -> str:
        environment_id = uuid4().hex
        start = a_start(environment_id, driver.version(), package=driver.package())
        started = await host.start(start, "start hello:$LATEST")
        assert started.environment_id == environment_id
        assert started.init_ok
        return environment_id

    async def do(self, host: Host, environment_id: str, what: str) -> InvocationResult:
        invocation = an_invocation(json.dumps({"do": what}).encode(), request_id=str(uuid4()))
        return await host.invoke(environment_id, invocation, "hello:$LATEST")

    async def test_a_host_has_the_asked_id_and_size(self, driver: Driver) -> None:
        host_id = uuid4().hex

        host = await driver.cluster.create_host(host_id, DEFAULT, 1500)

        assert host.facts.host_id == host_id
        assert host.facts.node_id
        assert host.size.memory_mb >= 1500
        await driver.cluster.release_host(host)

    async def test_an_environment_runs_one_event_after_the_other(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        environment_id = await self.an_environment(driver, host)

        answers = [await self.do(host, environment_id, "slow") for _ in range(2)]

        assert [json.loads(answer.payload) for answer in answers] == [1, 2]
        assert all(answer.reusable and answer.function_error is None for answer in answers)
        await driver.cluster.release_host(host)

    async def test_code_that_was_prepared_is_not_needed_again_and_preparing_it_again_is_no_error(
        self, driver: Driver
    ) -> None:
        host = await self.a_host(driver)
        order = PrepareVersion(driver.version(), driver.package())

        await host.prepare(order)
        await host.prepare(order)

        started = await host.start(a_start("e1", driver.version(), package=[]), "start hello:$LATEST")
        assert started.init_ok
        await driver.cluster.release_host(host)

    async def test_an_environment_that_is_not_there_is_named_so(self, driver: Driver) -> None:
        host = await self.a_host(driver)

        with pytest.raises(NoSuchEnvironment):
            await self.do(host, "never-was", "echo")

        await driver.cluster.release_host(host)

    async def test_a_stopped_environment_is_gone_and_stopping_it_again_is_no_error(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        environment_id = await self.an_environment(driver, host)

        await host.stop(environment_id)
        await host.stop(environment_id)

        with pytest.raises(NoSuchEnvironment):
            await self.do(host, environment_id, "echo")
        await driver.cluster.release_host(host)

    async def test_a_host_says_which_environments_it_has(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        environment_ids = {await self.an_environment(driver, host) for _ in range(2)}

        described = await host.describe()

        assert {environment["environment_id"] for environment in described} == environment_ids
        for environment_id in environment_ids:
            await host.stop(environment_id)
        assert list(await host.describe()) == []
        await driver.cluster.release_host(host)

    async def test_a_caller_that_is_cancelled_gives_up_the_answer_and_not_the_invocation(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        environment_id = await self.an_environment(driver, host)
        call = asyncio.ensure_future(self.do(host, environment_id, "slow"))
        await asyncio.wait({call}, timeout=0.05)

        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

        assert await self.count_reaches(host, environment_id, 1)
        await driver.cluster.release_host(host)

    async def count_reaches(self, host: Host, environment_id: str, wanted: int) -> bool:
        """Ask until the count is there; a real environment refuses while it is busy."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                [answer] = await asyncio.gather(self.do(host, environment_id, "echo"), return_exceptions=True)
                if isinstance(answer, InvocationResult) and json.loads(answer.payload) == wanted:
                    return True

    async def test_the_listener_is_answered_within_seconds_even_when_nothing_happens(self, driver: Driver) -> None:
        host = await self.a_host(driver)

        async with asyncio.timeout(WITHIN_S):
            events = host.events()
            await anext(events)
            await anext(events)
            await events.aclose()

        await driver.cluster.release_host(host)

    async def test_who_listens_to_a_host_that_is_released_hears_the_end_and_no_error(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        listening = asyncio.ensure_future(self.listen_to_the_end(host))
        await asyncio.wait({listening}, timeout=0.2)

        await driver.cluster.release_host(host)

        async with asyncio.timeout(WITHIN_S):
            await listening

    async def listen_to_the_end(self, host: Host) -> None:
        async for _ in host.events():
            pass

    async def test_every_call_to_a_killed_host_raises_host_lost(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        environment_id = await self.an_environment(driver, host)
        hanging = asyncio.ensure_future(self.do(host, environment_id, "hang"))
        await asyncio.wait({hanging}, timeout=0.2)

        driver.kill(host)

        async with asyncio.timeout(WITHIN_S):
            for call in (
                hanging,
                self.do(host, environment_id, "echo"),
                self.an_environment(driver, host),
                host.stop(environment_id),
                host.prepare(PrepareVersion(driver.version(), driver.package())),
                anext(host.events()),
                host.describe(),
            ):
                with pytest.raises(HostLost):
                    await call
        await driver.cluster.release_host(host)

    async def test_releasing_a_host_ends_its_calls_and_releasing_it_again_is_no_error(self, driver: Driver) -> None:
        host = await self.a_host(driver)
        environment_id = await self.an_environment(driver, host)
        hanging = asyncio.ensure_future(self.do(host, environment_id, "hang"))
        await asyncio.wait({hanging}, timeout=0.2)

        await driver.cluster.release_host(host)
        await driver.cluster.release_host(host)

        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(Exception):  # noqa: B017 - lost, or stopped first: it must not hang
                await hanging
            with pytest.raises(HostLost):
                await self.do(host, environment_id, "echo")

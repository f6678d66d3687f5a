"""What the start of a platform waits for: the first host, or the news that its node cannot isolate functions."""

from __future__ import annotations

import asyncio

import pytest

from raylambda.hosts.ports import HostNotMade, HostUnfit
from raylambda.model.errors import ServiceException
from tests.builders import a_call
from tests.unit.scheduling.platform_on_fakes import a_platform

pytestmark = pytest.mark.anyio


async def test_the_first_host_makes_the_platform_ready() -> None:
    async with a_platform() as platform:
        await platform.driver.ready()

        assert len(platform.hosts) == 1


async def test_a_node_that_cannot_isolate_is_said_to_who_waits() -> None:
    async with a_platform(head_room=0, placement_limit_s=60) as platform:

        async def no_bubblewrap() -> None:
            raise HostUnfit("bubblewrap is not installed")

        platform.script.before_host = no_bubblewrap
        call = asyncio.ensure_future(platform.invoker.invoke(a_call()))

        with pytest.raises(HostUnfit, match="bubblewrap is not installed"):
            await platform.driver.ready()
        platform.clock.advance(60)
        platform.driver.tick()
        with pytest.raises(ServiceException, match="bubblewrap is not installed"):
            await call


async def test_a_host_that_may_come_later_is_waited_for() -> None:
    async with a_platform(head_room=0) as platform:
        refusals = [HostNotMade("no room")]

        async def full_once() -> None:
            if refusals:
                raise refusals.pop()

        platform.script.before_host = full_once
        ready = asyncio.ensure_future(platform.driver.ready())
        call = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        while not platform.hosts:
            platform.clock.advance(1)
            platform.driver.tick()
            await asyncio.sleep(0)

        await ready
        await call

"""Hosts are found while they run, and every one of them is released, whenever it comes up and however it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from raylambda.hosts.ports import Host, HostLost
from raylambda.model.environment import HostEvent
from raylambda.model.ray_options import RayOptions
from raylambda.testing.hosts import FakeCluster
from tests.builders import a_call, a_record, a_version
from tests.unit.scheduling.platform_on_fakes import a_platform
from tests.waiting import reached

pytestmark = pytest.mark.anyio


class GatedCluster(FakeCluster):
    """A release waits until ``may_release``; ``asked`` lists whose release has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.may_release = asyncio.Event()

    async def release_host(self, host: Host) -> Sequence[HostEvent]:
        self.asked.append(host.facts.host_id)
        await self.may_release.wait()
        return await super().release_host(host)


async def test_a_lost_host_is_not_found_from_the_moment_it_is_told() -> None:
    async with a_platform() as platform:
        await platform.driver.ready()
        [host] = platform.hosts

        platform.driver.lose(host.facts.host_id)

        with pytest.raises(HostLost):
            platform.hosts.find(host.facts.host_id)


async def test_a_host_that_comes_up_while_others_are_released_at_the_end_is_released_too() -> None:
    cluster, may_come = GatedCluster(), asyncio.Event()
    async with a_platform(cluster=cluster) as platform:
        await platform.driver.ready()

        async def slowly() -> None:
            await may_come.wait()

        platform.script.before_host = slowly
        platform.registry.put(a_record(a_version(ray_options=RayOptions(num_gpus=1))))
        call = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        await reached(lambda: len(platform.fleet.describe()["hosts"]) == 2, pause_s=0)  # type: ignore[arg-type]
        closing = asyncio.ensure_future(platform.driver.close())
        await reached(lambda: cluster.asked, pause_s=0)

        may_come.set()
        await reached(lambda: len(cluster.made) == 2, pause_s=0)
        cluster.may_release.set()
        await closing

        assert cluster.released == [host.facts.host_id for host in cluster.made]
        assert len(platform.hosts) == 0
        await asyncio.gather(call, return_exceptions=True)


async def test_the_end_waits_for_releases_that_are_under_way() -> None:
    cluster = GatedCluster()
    async with a_platform(cluster=cluster, head_room=0) as platform:
        await platform.invoker.invoke(a_call())
        [host] = platform.hosts
        platform.driver.lose(host.facts.host_id)
        closing = asyncio.ensure_future(platform.driver.close())
        await reached(lambda: cluster.asked, pause_s=0)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not closing.done()

        cluster.may_release.set()
        await closing

        assert cluster.released == [host.facts.host_id]


async def test_a_release_that_fails_keeps_nobody_from_the_end() -> None:
    class Broken(FakeCluster):
        async def release_host(self, host: Host) -> Sequence[HostEvent]:
            raise RuntimeError("a bug")

    async with a_platform(cluster=Broken()) as platform:
        await platform.driver.ready()

        async with asyncio.timeout(5):
            await platform.driver.close()

        assert len(platform.hosts) == 0

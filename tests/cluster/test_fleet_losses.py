"""Hosts and nodes that die under load: only what ran there fails, nothing leaks, and the next call works."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import ray
from ray.actor import ActorHandle
from ray.cluster_utils import Cluster

from raylambda.fleet.policy import FleetPolicy
from raylambda.hosts.ports import HostSize
from raylambda.hosts.ray_hosts import RayCluster
from raylambda.hosts.ray_options import HostSizing
from raylambda.hosts.ray_packages import RayPackages
from raylambda.model.clock import SystemClock
from raylambda.model.errors import ServiceException
from raylambda.model.invocation import Completion
from raylambda.node.host_actor import HostActor
from raylambda.node.host_parts import HostSettings
from raylambda.testing.codestore import MemoryCodeStore
from raylambda.testing.scheduling import Scheduling
from tests.builders import a_call, a_record, a_version, a_zip
from tests.waiting import reached

pytestmark = [pytest.mark.anyio, pytest.mark.cluster, pytest.mark.timeout(300)]

FUNCTION = """
import time

def handler(event, context):
    time.sleep(event)
    return event
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that takes no hosts, and nodes that tests add."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


class Platform(Scheduling):
    async def call(self, seconds: float) -> Completion:
        return await self.invoker.invoke(a_call(str(seconds).encode(), request_id=str(uuid4())))

    def described(self) -> list[dict[str, Any]]:
        hosts: list[dict[str, Any]] = self.fleet.describe()["hosts"]  # type: ignore[assignment]
        return hosts

    def leased(self, host: dict[str, Any]) -> int:
        return sum(environment["state"] == "leased" for environment in host["environments"])


@asynccontextmanager
async def a_platform(state_dir: Path) -> AsyncIterator[Platform]:
    """Hosts hold four environments each; a node of one CPU has room for one host."""
    store = MemoryCodeStore()
    sha256 = store.put(a_zip({"app.py": FUNCTION}))
    version = a_version(code_sha256=sha256, timeout_s=60, memory_mb=256)

    def make_actor(host_id: str, size: HostSize, options: dict[str, Any]) -> ActorHandle[Any]:
        settings = HostSettings(host_id, state_dir, isolation="process", network="host", poll_s=0.2)
        actor_class: Any = ray.remote(HostActor)
        actor: ActorHandle[Any] = actor_class.options(**options).remote(settings)
        return actor

    cluster = RayCluster(make_actor, HostSizing(memory_mb=1024), creation_limit_s=30.0)
    platform = Platform(cluster, RayPackages(store.get), SystemClock(), FleetPolicy(host_retry_s=1.0))
    async with platform.running(a_record(version)):
        yield platform


async def eight_calls_on_two_hosts(platform: Platform) -> list[asyncio.Future[Completion]]:
    calls = [asyncio.ensure_future(platform.call(8.0)) for _ in range(8)]
    await reached(lambda: sum(platform.leased(host) for host in platform.described()) == 8)
    assert [platform.leased(host) for host in platform.described()] == [4, 4]
    return calls


async def nothing_leaked(platform: Platform) -> None:
    assert platform.is_settled()
    assert (await platform.call(0)).result.payload == b"0"


async def test_a_killed_host_fails_only_the_calls_that_ran_on_it(cluster: Cluster, tmp_path: Path) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    async with a_platform(tmp_path) as platform:
        calls = await eight_calls_on_two_hosts(platform)
        assert len({host["node_id"] for host in platform.described()}) == 2

        os.kill(next(iter(platform.hosts)).facts.pid, signal.SIGKILL)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        assert sum(isinstance(outcome, ServiceException) for outcome in outcomes) == 4
        assert sum(isinstance(outcome, Completion) for outcome in outcomes) == 4
        await nothing_leaked(platform)
    for node in nodes:
        cluster.remove_node(node)


async def test_a_lost_node_fails_only_the_calls_that_ran_on_it(cluster: Cluster, tmp_path: Path) -> None:
    nodes = {node.node_id: node for node in (cluster.add_node(num_cpus=1) for _ in range(2))}
    async with a_platform(tmp_path) as platform:
        calls = await eight_calls_on_two_hosts(platform)
        lost = nodes.pop(platform.described()[0]["node_id"])

        cluster.remove_node(lost, allow_graceful=False)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        assert sum(isinstance(outcome, ServiceException) for outcome in outcomes) == 4
        assert sum(isinstance(outcome, Completion) for outcome in outcomes) == 4
        await reached(lambda: {host["node_id"] for host in platform.described()} - {""} == set(nodes))
        await nothing_leaked(platform)
    for node in nodes.values():
        cluster.remove_node(node)

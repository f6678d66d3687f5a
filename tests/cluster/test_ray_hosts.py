"""The contract of hosts over real Ray, and what Ray refuses; environments run without a jail here."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import ray
from ray.actor import ActorHandle

from raylambda.hosts.ports import Host, HostClass, HostNotMade, HostSize, StartRefused, Unplaceable
from raylambda.hosts.ray_hosts import RayCluster, node_offers
from raylambda.hosts.ray_options import HostSizing
from raylambda.hosts.ray_packages import RayPackages
from raylambda.model.function import FunctionVersion
from raylambda.model.ray_options import RayOptions
from raylambda.node.host_actor import HostActor
from raylambda.node.host_parts import HostSettings
from raylambda.testing.codestore import MemoryCodeStore
from tests.builders import a_version, a_zip
from tests.contract.host_contract import DEFAULT, HostContract

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]

FUNCTION = """
import time

count = 0

def handler(event, context):
    global count
    if event["do"] == "hang":
        time.sleep(3600)
    if event["do"] == "slow":
        time.sleep(0.3)
        count += 1
    return count
"""


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """A Ray node of two CPUs in this process's care."""
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


class RayDriver:
    def __init__(self, state_dir: Path, sizing: HostSizing) -> None:
        self.state_dir = state_dir
        self.code_store = MemoryCodeStore()
        self.sha256 = self.code_store.put(a_zip({"app.py": FUNCTION}))
        self.reference = ray.put(self.code_store.get(self.sha256))
        self.cluster = RayCluster(self.make_actor, sizing, creation_limit_s=20.0)

    def make_actor(self, host_id: str, size: HostSize, options: dict[str, Any]) -> ActorHandle[Any]:
        settings = HostSettings(host_id, self.state_dir, isolation="process", network="host", poll_s=0.2)
        actor_class: Any = ray.remote(HostActor)
        actor: ActorHandle[Any] = actor_class.options(**options).remote(settings)
        return actor

    def version(self) -> FunctionVersion:
        return a_version(code_sha256=self.sha256, timeout_s=900, memory_mb=256)

    def package(self) -> list[Any]:
        return [self.reference]

    def kill(self, host: Host) -> None:
        os.kill(host.facts.pid, signal.SIGKILL)


@pytest.fixture
def driver(ray_here: None, tmp_path: Path) -> RayDriver:
    return RayDriver(tmp_path, HostSizing(whole_node=True))


class TestRayHosts(HostContract):
    pass


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (RayOptions(num_gpus=1), r"no node offers num_gpus=1 \(most: 0\)"),
        (RayOptions(resources={"lens": 2.0}), r"no node offers resource lens=2 \(most: 0\)"),
        (RayOptions(label_selector={"zone": "moon"}), "no node has label zone=moon"),
    ],
)
async def test_options_that_no_node_meets_are_refused_at_once(
    driver: RayDriver, options: RayOptions, missing: str
) -> None:
    with pytest.raises(Unplaceable, match=missing):
        await driver.cluster.create_host(uuid4().hex, HostClass(options.host_class, options), 128)


async def test_a_host_goes_where_its_labels_say(driver: RayDriver) -> None:
    node_id = node_offers()[0].labels["ray.io/node-id"]
    options = RayOptions(label_selector={"ray.io/node-id": node_id}, runtime_env={"env_vars": {"COLOUR": "blue"}})

    host = await driver.cluster.create_host(uuid4().hex, HostClass(options.host_class, options), 128)

    assert host.facts.node_id == node_id
    await driver.cluster.release_host(host)


async def test_a_cluster_without_room_says_so_after_its_time_limit(ray_here: None, tmp_path: Path) -> None:
    driver = RayDriver(tmp_path, HostSizing())
    cluster = RayCluster(driver.make_actor, HostSizing(), creation_limit_s=2.0)
    first = await driver.cluster.create_host(uuid4().hex, DEFAULT, 128)

    with pytest.raises(HostNotMade, match="no room for one more host within 2 seconds"):
        await cluster.create_host(uuid4().hex, DEFAULT, 128)

    await driver.cluster.release_host(first)
    second = await driver.cluster.create_host(uuid4().hex, DEFAULT, 128)
    await driver.cluster.release_host(second)


async def test_a_host_whose_preparation_fails_says_why(ray_here: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    driver = RayDriver(tmp_path / "file", HostSizing(whole_node=True))

    with pytest.raises(HostNotMade, match="Not a directory"):
        await driver.cluster.create_host(uuid4().hex, DEFAULT, 128)


async def test_a_package_is_put_into_the_object_store_once(ray_here: None) -> None:
    store = MemoryCodeStore()
    sha256 = store.put(b"a package")
    asked: list[str] = []

    def get(digest: str) -> bytes:
        asked.append(digest)
        return store.get(digest)

    packages = RayPackages(get)
    [reference] = await packages.package(sha256)
    again = await packages.package(sha256)

    assert ray.get(reference) == b"a package"
    assert again == [reference]
    assert asked == [sha256]


async def test_only_the_last_packages_stay_in_the_object_store(ray_here: None) -> None:
    store = MemoryCodeStore()
    digests = [store.put(b"package %d" % number) for number in range(3)]
    asked: list[str] = []

    def get(digest: str) -> bytes:
        asked.append(digest)
        return store.get(digest)

    packages = RayPackages(get, keep=2)
    for digest in (*digests, digests[2], digests[0]):
        await packages.package(digest)

    assert asked == [*digests, digests[0]]


async def test_a_package_that_the_code_store_lost_refuses_the_start(ray_here: None) -> None:
    packages = RayPackages(MemoryCodeStore().get)

    for _ in range(2):
        with pytest.raises(StartRefused, match="cannot be read"):
            await packages.package("ab" * 32)

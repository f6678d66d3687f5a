"""Orders about environments: every one is answered by one event, whatever the host does."""

from __future__ import annotations

import pytest

from raylambda.fleet.environment_orders import EnvironmentOrders
from raylambda.fleet.events import (
    BootEnvironment,
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    HostDied,
    PrepareHost,
    StopEnvironment,
)
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.ports import HostClass, StartRefused
from raylambda.model.environment import PrepareVersion, StartEnvironment
from raylambda.model.ray_options import RayOptions
from raylambda.testing.clock import ManualClock
from raylambda.testing.hosts import FakeCluster, FakeHost, FakePackages, Script
from tests.builders import a_version

pytestmark = pytest.mark.anyio

BOOT = BootEnvironment("e1", "h1", a_version())
PREPARE = PrepareHost("h1", BOOT.version)
STOP = StopEnvironment("e1", "h1")


async def orders_for_a_host(script: Script | None = None) -> tuple[EnvironmentOrders, FakeHost]:
    """``h1`` runs and is known."""
    cluster, hosts = FakeCluster(script=script or Script()), HostDirectory()
    hosts.add(await cluster.create_host("h1", HostClass("default", RayOptions()), 128))
    packages = FakePackages({BOOT.version.code_sha256: b"a package"})
    return EnvironmentOrders(hosts, packages, ManualClock()), cluster.made[0]


async def test_an_environment_is_booted_with_its_package_and_log_stream_and_stopped() -> None:
    orders, host = await orders_for_a_host()

    assert await orders.boot(BOOT) == EnvironmentReady("e1")

    [start] = host.environments.values()
    assert (start.package, start.log_stream) == ([b"a package"], "2027/01/15/[$LATEST]e1")
    assert await orders.stop(STOP) == EnvironmentGone("e1")
    assert host.environments == {}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StartRefused("bubblewrap is missing"), "bubblewrap is missing"),
        (ValueError("a bug"), "The host failed to start an execution environment."),
    ],
)
async def test_a_boot_that_fails_says_what_people_may_read(error: Exception, told: str) -> None:
    async def fail(_start: StartEnvironment) -> None:
        raise error

    orders, _ = await orders_for_a_host(Script(before_start=fail))

    assert await orders.boot(BOOT) == EnvironmentFailed("e1", told)


async def test_the_code_of_a_version_is_prepared_on_the_host() -> None:
    orders, host = await orders_for_a_host()

    assert await orders.prepare(PREPARE) is None

    assert host.prepared == [PrepareVersion(BOOT.version, [b"a package"])]


@pytest.mark.parametrize("error", [StartRefused("the disk is full"), ValueError("a bug")])
async def test_code_that_cannot_be_prepared_is_nothing_to_the_fleet(error: Exception) -> None:
    async def fail(_order: PrepareVersion) -> None:
        raise error

    orders, _ = await orders_for_a_host(Script(before_prepare=fail))

    assert await orders.prepare(PREPARE) is None


async def test_on_a_host_that_is_lost_or_not_there_the_answer_is_that_it_died() -> None:
    orders, host = await orders_for_a_host()
    elsewhere = EnvironmentOrders(HostDirectory(), FakePackages(), ManualClock())
    host.kill()

    for one in (orders, elsewhere):
        assert await one.boot(BOOT) == HostDied("h1")
        assert await one.stop(STOP) == HostDied("h1")
        assert await one.prepare(PREPARE) == HostDied("h1")

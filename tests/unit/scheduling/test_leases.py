"""A lease is the unit of concurrency: both are there, or neither, and both come back exactly once."""

from __future__ import annotations

import asyncio

import pytest

from raylambda.hosts.placing import PlacementRefused, Refusal
from raylambda.hosts.ports import Unplaceable
from raylambda.model.invocation import Target
from tests.builders import KEY, a_version
from tests.unit.scheduling.platform_on_fakes import a_platform
from tests.waiting import reached

pytestmark = pytest.mark.anyio


def a_target(**changes: object) -> Target:
    version = a_version(**changes)
    return Target((version.account, version.region, version.name), version, version.function_arn, None)


async def test_a_lease_takes_a_unit_and_an_environment_and_gives_both_back() -> None:
    async with a_platform() as platform:
        lease = await platform.leases.lease(a_target())
        assert platform.admission.units(KEY) == 1
        assert platform.environments() == {"leased": 1}

        platform.leases.give_back(lease, reusable=True)

        assert platform.admission.units(KEY) == 0
        assert platform.environments() == {"idle": 1}


async def test_giving_back_a_second_time_changes_nothing() -> None:
    async with a_platform() as platform:
        first = await platform.leases.lease(a_target())
        platform.leases.give_back(first, reusable=True)
        second = await platform.leases.lease(a_target())

        platform.leases.give_back(first, reusable=False)

        assert second.environment_id == first.environment_id
        assert platform.admission.units(KEY) == 1
        assert platform.environments() == {"leased": 1}


@pytest.mark.parametrize(
    ("limit", "reserved", "refusal"),
    [(1000, 0, Refusal.FUNCTION_CONCURRENCY), (0, None, Refusal.ACCOUNT_CONCURRENCY)],
)
async def test_without_a_unit_no_environment_is_asked_for(limit: int, reserved: int | None, refusal: Refusal) -> None:
    async with a_platform(limit=limit) as platform:
        platform.admission.reserve(KEY, reserved)

        with pytest.raises(PlacementRefused) as error:
            await platform.leases.lease(a_target())

        assert error.value.refusal is refusal
        assert platform.environments() == {}


async def test_a_placement_that_is_refused_leaves_no_unit_out() -> None:
    async with a_platform(head_room=0) as platform:

        async def no_gpu() -> None:
            raise Unplaceable("no node offers num_gpus=1 (most: 0)")

        platform.script.before_host = no_gpu
        with pytest.raises(PlacementRefused, match="num_gpus=1") as error:
            await platform.leases.lease(a_target())

        assert error.value.refusal is Refusal.UNPLACEABLE
        assert platform.is_settled()


async def test_a_warm_environment_is_leased_without_a_turn_of_the_loop() -> None:
    async with a_platform() as platform:
        platform.leases.give_back(await platform.leases.lease(a_target()), reusable=True)

        leasing = platform.leases.lease(a_target())
        with pytest.raises(StopIteration) as answer:
            leasing.send(None)

        platform.leases.give_back(answer.value.value, reusable=True)
        assert platform.is_settled()


async def test_the_lease_of_a_lost_host_keeps_its_unit_until_it_is_given_back() -> None:
    async with a_platform() as platform:
        lease = await platform.leases.lease(a_target())

        platform.leases.lose(lease.host_id)
        platform.leases.lose(lease.host_id)

        assert platform.environments() == {}
        assert platform.admission.units(KEY) == 1
        platform.leases.give_back(lease, reusable=True)
        assert platform.is_settled()


async def test_a_lost_host_is_forgotten_and_released_once() -> None:
    async with a_platform() as platform:
        lease = await platform.leases.lease(a_target())

        for _ in range(3):
            platform.leases.lose(lease.host_id)

        await reached(lambda: platform.cluster.released, pause_s=0)
        assert platform.cluster.released == [lease.host_id]
        assert lease.host_id not in {host.facts.host_id for host in platform.hosts}


@pytest.mark.parametrize("turns", range(8))
async def test_a_taker_cancelled_at_any_turn_keeps_neither_unit_nor_lease(turns: int) -> None:
    async with a_platform() as platform:
        taker = asyncio.ensure_future(platform.leases.lease(a_target()))
        for _ in range(turns):
            await asyncio.sleep(0)

        taker.cancel()
        [outcome] = await asyncio.gather(taker, return_exceptions=True)
        if not isinstance(outcome, BaseException):
            platform.leases.give_back(outcome, reusable=True)

        assert platform.admission.units(KEY) == 0
        await reached(lambda: platform.environments() in ({}, {"idle": 1}), pause_s=0)
        assert platform.is_settled()


async def test_a_placement_whose_taker_is_cancelled_is_given_back() -> None:
    async with a_platform() as platform:
        platform.leases.give_back(await platform.leases.lease(a_target()), reusable=True)
        waiting = asyncio.ensure_future(platform.leases.lease(a_target(name="other")))
        await reached(lambda: platform.environments() == {"idle": 1, "starting": 1}, pause_s=0)

        waiting.cancel()

        await reached(lambda: platform.environments() == {"idle": 2}, pause_s=0)
        assert waiting.cancelled()
        assert platform.admission.units((*KEY[:2], "other")) == 0

"""The pool and the numbers of guests' networks."""

from __future__ import annotations

import asyncio

import pytest

from raylambda.node.sandbox.network.pool import LinkPool, Numbers

pytestmark = pytest.mark.anyio


class Maker:
    """Makes numbers; each call waits until ``allow``ed, unless there is nothing to wait for."""

    def __init__(self, *, waits: bool = False) -> None:
        self.calls: list[int] = []
        self.fails_with: Exception | None = None
        self._made = 0
        self._gate = asyncio.Semaphore(0 if waits else 1_000_000)

    def allow(self) -> None:
        self._gate.release()

    async def __call__(self, count: int) -> list[int]:
        self.calls.append(count)
        await self._gate.acquire()
        if self.fails_with is not None:
            raise self.fails_with
        first, self._made = self._made, self._made + count
        return list(range(first, first + count))


async def settled() -> None:
    """Let everything run that can run without an event from outside."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_pool_fills_and_refills() -> None:
    maker = Maker()
    pool = LinkPool(maker, size=3)

    pool.fill()
    await settled()
    first = await pool.take()
    await settled()

    assert first == 0
    assert maker.calls == [3, 1]


async def test_those_who_wait_are_served_first_and_in_order() -> None:
    maker = Maker(waits=True)
    pool = LinkPool(maker, size=4, batch=2)

    takers = [asyncio.create_task(pool.take()) for _ in range(3)]
    await settled()
    for _ in range(4):
        maker.allow()
        await settled()

    assert [await taker for taker in takers] == [0, 1, 2]
    assert maker.calls == [2, 1, 2, 2]


async def test_a_failure_reaches_those_who_wait_and_the_next_take_tries_again() -> None:
    maker = Maker()
    pool = LinkPool(maker, size=1)
    maker.fails_with = OSError("no")

    with pytest.raises(OSError, match="no"):
        await pool.take()
    maker.fails_with = None

    assert await pool.take() == 0


async def test_what_was_made_for_a_cancelled_taker_serves_the_next() -> None:
    maker = Maker(waits=True)
    pool = LinkPool(maker, size=0)
    taker = asyncio.create_task(pool.take())
    await settled()

    taker.cancel()
    await settled()
    maker.allow()
    await settled()

    assert taker.cancelled()
    assert await pool.take() == 0


async def test_a_closed_pool_refuses_everyone() -> None:
    maker = Maker(waits=True)
    pool = LinkPool(maker, size=1)
    taker = asyncio.create_task(pool.take())
    await settled()

    await pool.close(OSError("closed"))

    for waiting in (taker, pool.take()):
        with pytest.raises(OSError, match="closed"):
            await waiting


def test_numbers_come_again_as_late_as_possible() -> None:
    numbers = Numbers(3)
    first, second = numbers.take(), numbers.take()

    numbers.give_back(first)
    numbers.give_back(second)

    assert [numbers.take(), numbers.take(), numbers.take()] == [2, first, second]
    with pytest.raises(IndexError):
        numbers.take()

"""When the watch looks at a guest, and what it tells."""

from __future__ import annotations

import asyncio

import pytest

from raylambda.node.sandbox.limits.contract import MEGABYTE
from raylambda.node.sandbox.limits.memory_watch import LONGEST_WAIT_S, SHORTEST_WAIT_S, MemoryWatch, Watch
from raylambda.node.sandbox.limits.watched_limits import WatchedLimits

pytestmark = pytest.mark.anyio


class ScriptedLimits(WatchedLimits):
    """Uses what the test says."""

    def __init__(self) -> None:
        super().__init__(0)
        self.now = 0
        self.many = False

    def memory_bytes(self) -> int:
        return self.now

    def tasks_exceeded(self) -> bool:
        return self.many


async def test_a_look_keeps_the_peak_and_tells_what_is_over() -> None:
    limits, told = ScriptedLimits(), list[str]()
    watch = Watch(limits, 100 * MEGABYTE, told.append)

    for limits.now in (50 * MEGABYTE, 100 * MEGABYTE, 20 * MEGABYTE):
        watch.look()
    assert told == []
    limits.now = 101 * MEGABYTE
    watch.look()
    limits.now, limits.many = 0, True
    watch.look()

    assert told == ["memory", "processes"]
    assert watch.peak_bytes == 101 * MEGABYTE


async def test_looks_become_rare_while_nothing_changes() -> None:
    limits = ScriptedLimits()
    watch = Watch(limits, 100, lambda limit: None)

    waits = []
    for limits.now in (0, 0, 0, 0, 5 * MEGABYTE):
        watch.look()
        waits.append(watch.wait_s)

    assert waits == [2 * SHORTEST_WAIT_S, *[LONGEST_WAIT_S] * 3, SHORTEST_WAIT_S]


async def test_the_watch_looks_from_add_to_remove() -> None:
    limits, over = ScriptedLimits(), asyncio.Event()
    watches, watch = MemoryWatch(), Watch(limits, 10, lambda limit: over.set())
    watches.add(watch)
    limits.now = 11

    await over.wait()
    watches.remove(watch)
    watches.remove(watch)
    assert watches._task is not None
    await watches._task

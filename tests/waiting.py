"""Waiting for a condition that no event tells of: the state of other processes, of a store, of another task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

_Found = TypeVar("_Found")

PAUSE_S = 0.01


def until(condition: Callable[[], Any], within_s: float = 90.0, what: str = "") -> Any:
    """The first true value of ``condition``; raises ``TimeoutError`` when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {what or condition}")
        time.sleep(PAUSE_S)
    return found


async def reached(condition: Callable[[], _Found], within_s: float = 60.0, pause_s: float = 0.002) -> _Found:
    """The same in an event loop. With ``pause_s=0`` it looks at every turn of the loop, and so sees the shortest state."""
    async with asyncio.timeout(within_s):
        while not (found := condition()):  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(pause_s)
    return found

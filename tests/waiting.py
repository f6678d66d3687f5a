"""Waiting for a condition that no event tells of: the state of other processes, of a store, of another task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

_Found = TypeVar("_Found")

PAUSE_S = 0.01
TURNS = 100


def until(condition: Callable[[], Any], within_s: float = 90.0, what: str = "") -> Any:
    """The first true value of ``condition``; raises ``TimeoutError`` when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {what or condition}")
        time.sleep(PAUSE_S)
    return found


async def reached(condition: Callable[[], _Found], within_s: float = 60.0) -> _Found:
    """The same in an event loop. The first looks are one turn of the loop apart, so that short states of it are seen."""
    async with asyncio.timeout(within_s):
        for look in count():
            if found := condition():
                break
            await asyncio.sleep(0 if look < TURNS else PAUSE_S)
    return found

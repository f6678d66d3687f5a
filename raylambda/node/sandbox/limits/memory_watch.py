"""Looks at what guests use, and tells when one is over its memory limit (or has too many processes).

One task for all guests of a host. It looks at a guest every 50 ms while its memory changes, and less and less often, down to
five times a second, while it does not. A look costs some 10 µs with cgroups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from raylambda.node.sandbox.limits.contract import MEGABYTE, GuestLimits

SHORTEST_WAIT_S: Final = 0.05
LONGEST_WAIT_S: Final = 0.2


@dataclass(slots=True)
class Watch:
    """One guest under watch. ``over`` is called at each look at which it is over a limit."""

    limits: GuestLimits
    limit_bytes: int
    over: Callable[[str], None]
    peak_bytes: int = 0
    last_bytes: int = 0
    wait_s: float = SHORTEST_WAIT_S
    due: float = 0.0

    def look(self) -> None:
        """Read what the guest uses now."""
        now = self.limits.memory_bytes()
        settled = abs(now - self.last_bytes) < MEGABYTE
        self.wait_s = min(self.wait_s * 2, LONGEST_WAIT_S) if settled else SHORTEST_WAIT_S
        self.last_bytes = now
        self.peak_bytes = max(self.peak_bytes, now)
        if now > self.limit_bytes:
            self.over("memory")
        elif self.limits.tasks_exceeded():
            self.over("processes")


class MemoryWatch:
    """Watches guests from ``add`` to ``remove``; its task runs only while there are any."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, watch: Watch) -> None:
        self._watches.append(watch)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def remove(self, watch: Watch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._watches:
            await asyncio.sleep(SHORTEST_WAIT_S)
            now = loop.time()
            for watch in list(self._watches):
                if watch.due <= now:
                    watch.look()
                    watch.due = now + watch.wait_s - SHORTEST_WAIT_S / 2

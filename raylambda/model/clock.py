"""The seam through which everybody learns the time; ``raylambda.testing.ManualClock`` is the one of tests."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings in seconds; deciders never call either, they are told ``now``."""

    def now(self) -> float:
        """Seconds since the epoch: for what people and AWS see."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow: for durations and time-outs."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

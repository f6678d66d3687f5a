"""The seam through which an environment is woken up; ``raylambda.testing.ManualTimers`` is the one of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """One alarm."""

    def cancel(self) -> None:
        """Never ring; no error when it has rung."""
        ...


class Timers(Protocol):
    """Rings once, after ``delay_s`` seconds, in the event loop."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer: ...


class LoopTimers:
    """The running event loop's own timers."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(delay_s, callback)


class Alarm:
    """One alarm at a time; setting it again replaces it."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._timer: Timer | None = None

    def set(self, delay_s: float, callback: Callable[[], object]) -> None:
        """Call back in ``delay_s`` seconds."""
        self.stop()
        self._timer = self._timers.call_later(delay_s, callback)

    def stop(self) -> None:
        """Never ring; no error when it has rung."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

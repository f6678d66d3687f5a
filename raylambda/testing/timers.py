"""Timers that ring when a manual clock is moved over their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from raylambda.testing.clock import ManualClock


@dataclass(eq=False)
class ManualTimer:
    """One alarm; ``at`` is in the clock's monotonic seconds."""

    at: float
    callback: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualTimers:
    """Move time with ``advance``: it moves the clock too, and rings what is due, in the order of time."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._timers: list[ManualTimer] = []

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> ManualTimer:
        timer = ManualTimer(self._clock.monotonic() + delay_s, callback)
        self._timers.append(timer)
        return timer

    @property
    def armed(self) -> list[float]:
        """Seconds from now at which something rings, soonest first."""
        return sorted(timer.at - self._clock.monotonic() for timer in self._timers if not timer.cancelled)

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``, stopping at each alarm on the way."""
        end = self._clock.monotonic() + seconds
        while due := [timer for timer in self._timers if not timer.cancelled and timer.at <= end]:
            timer = min(due, key=lambda timer: timer.at)
            self._timers.remove(timer)
            self._clock.advance(max(0.0, timer.at - self._clock.monotonic()))
            timer.callback()
        self._timers = [timer for timer in self._timers if not timer.cancelled]
        self._clock.advance(max(0.0, end - self._clock.monotonic()))

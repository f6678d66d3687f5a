"""How fast a function may start environments. Pure.

AWS lets each function add 1,000 environments every 10 s, refilled all the time, and never saves up more than that
(lambda-reference.md 13; https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#scaling-rate).
"""

from __future__ import annotations

from raylambda.model.function import FunctionKey


class StartRate:
    """One token bucket per function: ``burst`` tokens at most, refilled within ``window_s`` seconds."""

    def __init__(self, burst: int, window_s: float) -> None:
        self._burst = float(burst)
        self._per_s = burst / window_s
        self._levels: dict[FunctionKey, tuple[float, float]] = {}

    def take(self, key: FunctionKey, now: float) -> bool:
        """Take one token; false when the function has none left."""
        level = self._level(key, now)
        if level < 1.0:
            return False
        self._levels[key] = (level - 1.0, now)
        return True

    def prune(self, now: float) -> None:
        """Forget the buckets that are full again."""
        for key in [key for key in self._levels if self._level(key, now) >= self._burst]:
            del self._levels[key]

    def _level(self, key: FunctionKey, now: float) -> float:
        level, at = self._levels.get(key, (self._burst, now))
        return min(self._burst, level + (now - at) * self._per_s)

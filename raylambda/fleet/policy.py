"""How the fleet is told to behave: how many hosts, how long idle environments are kept, how fast they may be started. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from raylambda.hosts.ray_options import installs_packages
from raylambda.model.function import FunctionKey, FunctionVersion
from raylambda.model.ray_options import RayOptions


@dataclass(frozen=True, slots=True)
class FleetPolicy:
    """``head_room`` hosts of the default class stay even when nothing runs, so that a cold start waits for no host.

    ``max_hosts`` bounds each class (1 where one host takes all that the machine has; ``None``: the cluster decides).
    A placement is refused after ``placement_limit_s``, or ``build_limit_s`` where a host must install packages first.
    """

    head_room: int = 1
    max_hosts: int | None = None
    host_idle_s: float = 300.0
    host_retry_s: float = 5.0
    placement_limit_s: float = 60.0
    build_limit_s: float = 600.0

    def waits_s(self, options: RayOptions) -> float:
        return self.build_limit_s if installs_packages(options) else self.placement_limit_s


class KeepAlive(Protocol):
    """How long idle environments are kept; judged on traces by the share of cold starts and the GB-seconds wasted.

    The fleet asks it for every idle environment at every tick.
    """

    def keeps(self, version: FunctionVersion, idle_s: float) -> bool:
        """Whether an environment that has been idle for so long shall stay."""
        ...


@dataclass(frozen=True, slots=True)
class FixedIdleTime:
    """Every environment stays for the same time after its last invocation."""

    idle_timeout_s: float

    def keeps(self, version: FunctionVersion, idle_s: float) -> bool:
        return idle_s < self.idle_timeout_s


class StartRate:
    """How fast a function may start environments: a bucket of ``burst`` tokens each, refilled within ``window_s`` seconds.

    AWS lets each function add 1,000 environments every 10 s, refilled all the time, and never saves up more than that
    (lambda-reference.md 13; https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#scaling-rate).
    """

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

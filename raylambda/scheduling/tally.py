"""What functions have done since the front door started, counted for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from raylambda.hosts.placing import Lease
from raylambda.model.function import FunctionKey
from raylambda.model.invocation import InvocationResult, Target

_FUNCTIONS: Final = 100_000
"""Counts are kept of so many functions; the first ones counted go first. It bounds what deleted functions leave behind."""


@dataclass(slots=True)
class Counts:
    """Invocations that ran; how many of them failed (errors and timeouts of the function), and how many waited for a start."""

    invocations: int = 0
    errors: int = 0
    cold_starts: int = 0


class Tally:
    """Counts of every function. ``count`` is the invoker's ``Meter``: it runs after each call, and costs next to nothing."""

    def __init__(self) -> None:
        self._counts: dict[FunctionKey, Counts] = {}

    def count(self, target: Target, lease: Lease, result: InvocationResult) -> None:
        counts = self._counts.get(target.key)
        if counts is None:
            if len(self._counts) >= _FUNCTIONS:
                del self._counts[next(iter(self._counts))]
            counts = self._counts[target.key] = Counts()
        counts.invocations += 1
        counts.errors += result.function_error is not None
        counts.cold_starts += lease.cold

    def of(self, key: FunctionKey) -> Counts:
        return self._counts.get(key) or Counts()

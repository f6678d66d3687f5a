"""How long an idle environment is kept. Pure; judged on traces by the share of cold starts and the GB-seconds wasted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from raylambda.model.function import FunctionVersion


class KeepAlive(Protocol):
    """A policy. The fleet asks it for every idle environment at every tick."""

    def keeps(self, version: FunctionVersion, idle_s: float) -> bool:
        """Whether an environment that has been idle for so long shall stay."""
        ...


@dataclass(frozen=True, slots=True)
class FixedIdleTime:
    """Every environment stays for the same time after its last invocation."""

    idle_timeout_s: float

    def keeps(self, version: FunctionVersion, idle_s: float) -> bool:
        return idle_s < self.idle_timeout_s

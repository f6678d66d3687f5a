"""Limits without kernel support: /proc is read, and a guest that is over them is killed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from raylambda.model.limits import PROCESSES
from raylambda.node.sandbox.limits.contract import MEGABYTE, GuestLimits

MOST_EXACT_PROCESSES: Final = 32


class WatchedLimits:
    """Limits without kernel support: what the processes below process 1 use, added up from /proc.

    Pages that a fork shares are counted once per process at first; only when that is over the limit, and the processes are not
    too many to look at, is each counted by its share.
    """

    def __init__(self, limit_bytes: int, proc: Path = Path("/proc")) -> None:
        self._limit_bytes = limit_bytes
        self._proc = proc
        self._init: int | None = None

    def argv_prefix(self) -> Sequence[str]:
        return ()

    def admit(self, pid: int) -> None:
        self._init = pid

    def memory_bytes(self) -> int:
        processes = self._processes()
        quick = sum(map(self._anonymous_bytes, processes))
        if quick <= self._limit_bytes or len(processes) > MOST_EXACT_PROCESSES:
            return quick
        return sum(map(self._own_share_bytes, processes))

    def oom_kills(self) -> int:
        return 0

    def tasks_exceeded(self) -> bool:
        return sum(len(self._tasks(pid)) for pid in self._processes()) > PROCESSES

    async def give_back(self) -> None:
        self._init = None

    def _processes(self) -> list[int]:
        found = [] if self._init is None else self._children(self._init)
        for pid in found:
            if len(found) > 2 * PROCESSES:
                break
            found.extend(self._children(pid))
        return found

    def _children(self, pid: int) -> list[int]:
        children: list[int] = []
        for task in self._tasks(pid):
            with contextlib.suppress(OSError):
                children += map(int, (self._proc / str(pid) / "task" / task / "children").read_text().split())
        return children

    def _tasks(self, pid: int) -> Sequence[str]:
        try:
            return [path.name for path in (self._proc / str(pid) / "task").iterdir()]
        except OSError:
            return ()

    def _anonymous_bytes(self, pid: int) -> int:
        try:
            fields = (self._proc / str(pid) / "statm").read_text().split()
        except OSError:
            return 0
        return max(0, int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")

    def _own_share_bytes(self, pid: int) -> int:
        try:
            found = re.search(
                r"^Pss_Anon: +(\d+) kB", (self._proc / str(pid) / "smaps_rollup").read_text(), re.MULTILINE
            )
        except OSError:
            return self._anonymous_bytes(pid)
        return int(found[1]) * 1024 if found else self._anonymous_bytes(pid)


class Watched:
    """Makes ``WatchedLimits``."""

    measure = "memory and process watcher"

    def __init__(self, reason: str) -> None:
        self.warnings = (
            f"no cgroups ({reason}): memory and process limits are watched, so a guest may exceed them for a moment",
        )

    def make(self, name: str, memory_mb: int, ephemeral_mb: int) -> GuestLimits:
        return WatchedLimits(memory_mb * MEGABYTE)

    def close(self) -> None:
        """Nothing is held."""

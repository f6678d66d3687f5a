"""Limits that the kernel keeps: one cgroup per hierarchy for each guest."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from raylambda.model.limits import PROCESSES
from raylambda.node.sandbox.limits.contract import MEGABYTE, GuestLimits

REMOVAL_TRIES: Final = 50
REMOVAL_WAIT_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class CgroupFiles:
    """How one version of cgroups calls what we need."""

    memory_limit: str
    anonymous: bytes
    oom_counter: str
    swap_limit: str
    own_task: str


V1: Final = CgroupFiles(
    "memory.limit_in_bytes", b"total_rss ", "memory.oom_control", "memory.memsw.limit_in_bytes", "tasks"
)
V2: Final = CgroupFiles("memory.max", b"anon ", "memory.events", "memory.swap.max", "cgroup.procs")


class CgroupLimits:
    """One cgroup per hierarchy for one guest; on v2 ``memory`` and ``pids`` are the same folder."""

    def __init__(self, files: CgroupFiles, memory: Path, pids: Path, hard_limit_bytes: int) -> None:
        self._files = files
        self._folders = tuple(dict.fromkeys((memory, pids)))
        self._memory = memory
        try:
            for folder in self._folders:
                folder.mkdir()
            (memory / files.memory_limit).write_text(str(hard_limit_bytes))
            with contextlib.suppress(OSError):  # a kernel without swap accounting has no such file
                (memory / files.swap_limit).write_text("0" if files is V2 else str(hard_limit_bytes))
            (pids / "pids.max").write_text(str(PROCESSES + 2))  # process 1 and the jail's program outside
            self._stat = os.open(memory / "memory.stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._remove()
            raise

    def argv_prefix(self) -> Sequence[str]:
        """A shell that enters the cgroups and becomes the rest of the command line.

        A process that moves itself costs nothing (v1); moving another one, the kernel makes the writer wait some 10 ms.
        """
        enter = "".join(f"echo 0 > {shlex.quote(str(folder / self._files.own_task))} && " for folder in self._folders)
        return ["/bin/sh", "-c", f'{enter}exec "$@"', "limits"]

    def admit(self, pid: int) -> None:
        for folder in self._folders:
            if str(pid) not in (folder / "cgroup.procs").read_text().split():
                raise ProcessLookupError(f"process 1 is not in {folder}")

    def memory_bytes(self) -> int:
        try:
            stat = b"\n" + os.pread(self._stat, 8192, 0)
        except OSError:
            return 0
        _, _, rest = stat.partition(b"\n" + self._files.anonymous)
        return int(rest.split(b"\n", 1)[0] or 0)

    def oom_kills(self) -> int:
        try:
            found = re.search(r"^oom_kill (\d+)", (self._memory / self._files.oom_counter).read_text(), re.MULTILINE)
        except OSError:
            return 0
        return int(found[1]) if found else 0

    def tasks_exceeded(self) -> bool:
        return False

    async def give_back(self) -> None:
        if self._stat >= 0:
            os.close(self._stat)
            self._stat = -1
        for _ in range(REMOVAL_TRIES):
            if self._remove():
                return
            await asyncio.sleep(REMOVAL_WAIT_S)  # the kernel may hold a cgroup a moment longer than its last process

    def _remove(self) -> bool:
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not any(folder.exists() for folder in self._folders)


class Cgroups:
    """Makes guests' cgroups below ``memory`` and ``pids``, which are this host's own folders."""

    def __init__(self, measure: str, files: CgroupFiles, memory: Path, pids: Path) -> None:
        self.measure = measure
        self.warnings: tuple[str, ...] = ()
        self.folders = tuple(dict.fromkeys((memory, pids)))
        self._files = files
        self._memory = memory
        self._pids = pids
        self._record: Path | None = None

    def write_down(self, record: Path) -> None:
        """Keep the folders' names in ``record`` until ``close``, for whoever cleans up if we are killed."""
        record.write_text("".join(f"{folder}\n" for folder in self.folders))
        self._record = record

    def make(self, name: str, memory_mb: int, ephemeral_mb: int) -> GuestLimits:
        folder = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:128] + secrets.token_hex(4)
        hard_limit = (memory_mb + ephemeral_mb) * MEGABYTE
        return CgroupLimits(self._files, self._memory / folder, self._pids / folder, hard_limit)

    def close(self) -> None:
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if self._record is not None and not any(folder.exists() for folder in self.folders):
            self._record.unlink(missing_ok=True)

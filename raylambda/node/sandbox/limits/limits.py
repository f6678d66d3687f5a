"""Memory and process limits of guests: cgroups where this node lets us, otherwise a watcher that reads /proc.

*Memory* is what processes hold themselves (anonymous memory): neither page cache nor the files in /tmp, which have a limit of
their own, as on AWS. The kernel cannot leave a tmpfs out of a cgroup's account, so the cgroup's hard limit is memory plus what /tmp
may hold, and ``MemoryWatch`` (``memory_watch.py``) looks at the anonymous part alone.

======================  ===============================  ================================  =========================
implementation          needs                            over the memory limit             more than 1,024 tasks
======================  ===============================  ================================  =========================
``CgroupV1``            writable memory and pids          killed by the kernel or watch     fork fails
``CgroupV2``            delegated memory and pids         killed by the kernel or watch     fork fails
``Watched``             nothing                           killed by the watch               killed by the watch
======================  ===============================  ================================  =========================
"""

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
from typing import Final, Protocol

from raylambda.model.limits import PROCESSES

MEGABYTE: Final = 1 << 20
REMOVAL_TRIES: Final = 50
REMOVAL_WAIT_S: Final = 0.02
MOST_EXACT_PROCESSES: Final = 32


class GuestLimits(Protocol):
    """The limits of one guest, from before process 1 does anything to after its last process is gone."""

    def argv_prefix(self) -> Sequence[str]:
        """What goes before the command line of a guest's first program to put it, and all that it starts, under the limits."""
        ...

    def admit(self, pid: int) -> None:
        """Make sure that process 1 is under the limits; raises ``OSError``."""
        ...

    def memory_bytes(self) -> int:
        """Anonymous memory of the guest now; 0 once it is gone."""
        ...

    def oom_kills(self) -> int:
        """How many of the guest's processes the kernel has killed for memory."""
        ...

    def tasks_exceeded(self) -> bool:
        """Whether there are more processes than allowed; always false where the kernel refuses them."""
        ...

    async def release(self) -> None:
        """Free what the limits took; the guest's processes are gone."""
        ...


class LimitsFactory(Protocol):
    """Makes the limits of guests; ``measure`` and ``warnings`` are for people."""

    @property
    def measure(self) -> str: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def limits(self, name: str, memory_mb: int, ephemeral_mb: int) -> GuestLimits: ...

    def close(self) -> None: ...


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
            self._forbid_swap(hard_limit_bytes)
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

    async def release(self) -> None:
        if self._stat >= 0:
            os.close(self._stat)
            self._stat = -1
        for _ in range(REMOVAL_TRIES):
            if self._remove():
                return
            await asyncio.sleep(REMOVAL_WAIT_S)  # the kernel may hold a cgroup a moment longer than its last process

    def _forbid_swap(self, hard_limit_bytes: int) -> None:
        limit = 0 if self._files is V2 else hard_limit_bytes
        with contextlib.suppress(OSError):  # a kernel without swap accounting has no such file
            (self._memory / self._files.swap_limit).write_text(str(limit))

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

    def limits(self, name: str, memory_mb: int, ephemeral_mb: int) -> GuestLimits:
        folder = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:128] + secrets.token_hex(4)
        hard_limit = (memory_mb + ephemeral_mb) * MEGABYTE
        return CgroupLimits(self._files, self._memory / folder, self._pids / folder, hard_limit)

    def close(self) -> None:
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if self._record is not None and not any(folder.exists() for folder in self.folders):
            self._record.unlink(missing_ok=True)


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

    async def release(self) -> None:
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

    def limits(self, name: str, memory_mb: int, ephemeral_mb: int) -> GuestLimits:
        return WatchedLimits(memory_mb * MEGABYTE)

    def close(self) -> None:
        """Nothing is held."""

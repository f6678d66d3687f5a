"""Limits against folders that look like the kernel's."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path, PosixPath

import pytest

from raylambda.node.sandbox.limits.limits import MEGABYTE, V1, V2, CgroupLimits, Cgroups, Watched, WatchedLimits
from raylambda.node.sandbox.limits.memory_watch import LONGEST_WAIT_S, SHORTEST_WAIT_S, MemoryWatch, Watch

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class KernelFolder(PosixPath):
    """A folder whose ``mkdir`` brings the controller's files, as in a cgroup file system."""

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        super().mkdir(mode, parents, exist_ok)
        (self / "memory.stat").write_text("cache 5\ntotal_cache 5\ntotal_rss 4096\nanon 8192\n")

    def rmdir(self) -> None:
        for file in self.iterdir():
            if file.is_file():
                file.unlink()
        super().rmdir()


def a_folder(tmp_path: Path) -> KernelFolder:
    return KernelFolder(tmp_path / "guest")


@pytest.mark.parametrize(
    ("files", "limit", "anonymous"), [(V1, "memory.limit_in_bytes", 4096), (V2, "memory.max", 8192)]
)
async def test_a_cgroup_gets_its_limits_and_tells_its_memory(
    tmp_path: Path, files: object, limit: str, anonymous: int
) -> None:
    folder = a_folder(tmp_path)

    limits = CgroupLimits(files, folder, folder, 640 * MEGABYTE)  # type: ignore[arg-type]
    (folder / "cgroup.procs").write_text("12\n4711\n")

    assert (folder / limit).read_text() == str(640 * MEGABYTE)
    assert (folder / "pids.max").read_text() == "1026"
    limits.admit(4711)
    with pytest.raises(ProcessLookupError):
        limits.admit(471)
    assert limits.memory_bytes() == anonymous
    await limits.release()
    assert not folder.exists()
    assert limits.memory_bytes() == 0


def outcome(limits: CgroupLimits, *command: str) -> tuple[int, str]:
    done = subprocess.run([*limits.argv_prefix(), *command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("files", "own"), [(V1, "tasks"), (V2, "cgroup.procs")])
async def test_a_program_enters_its_cgroup_before_it_runs(tmp_path: Path, files: object, own: str) -> None:
    folder = a_folder(tmp_path)
    limits = CgroupLimits(files, folder, folder, MEGABYTE)  # type: ignore[arg-type]

    assert outcome(limits, "cat", str(folder / own)) == (0, "0\n")
    await limits.release()
    assert outcome(limits, "echo", "unlimited") == (2, "")


async def test_kills_by_the_kernel_are_counted(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    limits = CgroupLimits(V1, folder, folder, MEGABYTE)

    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")

    assert limits.oom_kills() == 3
    await limits.release()
    assert limits.oom_kills() == 0


async def test_a_cgroup_without_memory_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"memory\.stat"):
        CgroupLimits(V1, tmp_path / "memory", tmp_path / "pids", MEGABYTE)


async def test_names_of_guests_become_harmless_names_of_folders(tmp_path: Path) -> None:
    cgroups = Cgroups("test", V2, a_folder(tmp_path), a_folder(tmp_path))
    a_folder(tmp_path).mkdir()

    limits = cgroups.limits("../../e/v\0il", 128, 512)

    (made,) = (path for path in (tmp_path / "guest").iterdir() if path.is_dir())
    assert made.name.startswith("______e_v_il")
    assert isinstance(limits, CgroupLimits)


def a_process(proc: Path, pid: int, children: str = "", resident: int = 0, shared: int = 0, own_kib: int = 0) -> None:
    task = proc / str(pid) / "task" / str(pid)
    task.mkdir(parents=True)
    (task / "children").write_text(children)
    (proc / str(pid) / "statm").write_text(f"9999 {resident} {shared} 0 0 0 0")
    (proc / str(pid) / "smaps_rollup").write_text(f"Rss: 1 kB\nPss_Anon:   {own_kib} kB\n")


async def test_the_watcher_adds_up_everything_below_process_1(tmp_path: Path) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    a_process(tmp_path, 10, "11 12", resident=1000)
    a_process(tmp_path, 11, "13", resident=100, shared=40, own_kib=4)
    a_process(tmp_path, 12, resident=10, own_kib=8)
    a_process(tmp_path, 13, "99", resident=7, shared=9, own_kib=0)
    roomy, tight = WatchedLimits(1 << 30, tmp_path), WatchedLimits(1, tmp_path)

    assert roomy.memory_bytes() == 0
    roomy.admit(10)
    tight.admit(10)

    assert roomy.memory_bytes() == 70 * page
    assert tight.memory_bytes() == 12 * 1024
    assert not roomy.tasks_exceeded()
    await roomy.release()
    assert roomy.memory_bytes() == 0


async def test_the_watcher_counts_tasks(tmp_path: Path) -> None:
    a_process(tmp_path, 10, "11")
    a_process(tmp_path, 11)
    for task in range(1030):
        (tmp_path / "11" / "task" / str(5000 + task)).mkdir()
    limits = WatchedLimits(1, tmp_path)
    limits.admit(10)

    assert limits.tasks_exceeded()


async def test_the_watcher_says_what_is_weaker() -> None:
    assert "may exceed them" in Watched("v1: not mounted").warnings[0]


class ScriptedLimits(WatchedLimits):
    """Uses what the test says."""

    def __init__(self) -> None:
        super().__init__(0)
        self.now = 0
        self.many = False

    def memory_bytes(self) -> int:
        return self.now

    def tasks_exceeded(self) -> bool:
        return self.many


async def test_a_look_keeps_the_peak_and_tells_what_is_over() -> None:
    limits, told = ScriptedLimits(), list[str]()
    watch = Watch(limits, 100 * MEGABYTE, told.append)

    for limits.now in (50 * MEGABYTE, 100 * MEGABYTE, 20 * MEGABYTE):
        watch.look()
    assert told == []
    limits.now = 101 * MEGABYTE
    watch.look()
    limits.now, limits.many = 0, True
    watch.look()

    assert told == ["memory", "processes"]
    assert watch.peak_bytes == 101 * MEGABYTE


async def test_looks_become_rare_while_nothing_changes() -> None:
    limits = ScriptedLimits()
    watch = Watch(limits, 100, lambda limit: None)

    waits = []
    for limits.now in (0, 0, 0, 0, 5 * MEGABYTE):
        watch.look()
        waits.append(watch.wait_s)

    assert waits == [2 * SHORTEST_WAIT_S, *[LONGEST_WAIT_S] * 3, SHORTEST_WAIT_S]


async def test_the_watch_looks_from_add_to_remove() -> None:
    limits, over = ScriptedLimits(), asyncio.Event()
    watches, watch = MemoryWatch(), Watch(limits, 10, lambda limit: over.set())
    watches.add(watch)
    limits.now = 11

    await over.wait()
    watches.remove(watch)
    watches.remove(watch)
    assert watches._task is not None
    await watches._task

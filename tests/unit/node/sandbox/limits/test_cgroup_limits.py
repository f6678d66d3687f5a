"""Cgroups of guests, in folders that look like the kernel's."""

from __future__ import annotations

import subprocess
from pathlib import Path, PosixPath

import pytest

from raylambda.node.sandbox.limits.cgroup_limits import V1, V2, CgroupLimits, Cgroups
from raylambda.node.sandbox.limits.contract import MEGABYTE

pytestmark = pytest.mark.anyio


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
    await limits.give_back()
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
    await limits.give_back()
    assert outcome(limits, "echo", "unlimited") == (2, "")


async def test_kills_by_the_kernel_are_counted(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    limits = CgroupLimits(V1, folder, folder, MEGABYTE)

    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")

    assert limits.oom_kills() == 3
    await limits.give_back()
    assert limits.oom_kills() == 0


async def test_a_cgroup_without_memory_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"memory\.stat"):
        CgroupLimits(V1, tmp_path / "memory", tmp_path / "pids", MEGABYTE)


async def test_names_of_guests_become_harmless_names_of_folders(tmp_path: Path) -> None:
    cgroups = Cgroups("test", V2, a_folder(tmp_path), a_folder(tmp_path))
    a_folder(tmp_path).mkdir()

    limits = cgroups.make("../../e/v\0il", 128, 512)

    (made,) = (path for path in (tmp_path / "guest").iterdir() if path.is_dir())
    assert made.name.startswith("______e_v_il")
    assert isinstance(limits, CgroupLimits)

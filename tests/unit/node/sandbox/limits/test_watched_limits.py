"""Limits that are read from a folder that looks like /proc."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from raylambda.node.sandbox.limits.watched_limits import Watched, WatchedLimits

pytestmark = pytest.mark.anyio


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
    await roomy.give_back()
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

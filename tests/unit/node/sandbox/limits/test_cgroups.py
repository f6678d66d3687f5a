"""Where cgroups are made, by what /proc says, and what dead hosts leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from raylambda.node.sandbox.limits.cgroup_limits import Cgroups
from raylambda.node.sandbox.limits.cgroups import find_limits, process_name, sweep
from raylambda.node.sandbox.limits.watched_limits import Watched


class Node:
    """A /proc and cgroup folders below ``root``."""

    def __init__(self, root: Path) -> None:
        self.proc, self.cgroup = root / "proc", root / "cgroup"
        (self.proc / "self/ns").mkdir(parents=True)
        (self.proc / "self/ns/pid").touch()
        self.namespace = (self.proc / "self/ns/pid").stat().st_ino
        self.cgroup.mkdir()
        self.mounts, self.own = "", ""
        self.process(os.getpid(), 500)
        self.write()

    def process(self, pid: int, started: int) -> None:
        (self.proc / str(pid)).mkdir(exist_ok=True)
        (self.proc / str(pid) / "stat").write_text(f"{pid} (a) b) " + "0 " * 19 + f"{started} 0\n")

    def write(self) -> None:
        (self.proc / "self/mounts").write_text(self.mounts)
        (self.proc / "self/cgroup").write_text(self.own)

    def version_1(self, own: str = "/mine") -> None:
        for controller in ("memory", "pids"):
            (self.cgroup / controller / own.lstrip("/")).mkdir(parents=True)
            self.mounts += f"cgroup {self.cgroup}/{controller} cgroup rw,relatime,{controller} 0 0\n"
            self.own += f"4:{controller}:{own}\n"
        self.write()

    def version_2(self, controllers: str, handed_down: str) -> Path:
        folder = self.cgroup / "mine"
        folder.mkdir()
        (folder / "cgroup.controllers").write_text(controllers)
        (folder / "cgroup.subtree_control").write_text(handed_down)
        (folder / "cgroup.procs").write_text("77\n")
        self.mounts, self.own = f"cgroup2 {self.cgroup} cgroup2 rw 0 0\n", "0::/mine\n"
        self.write()
        return folder


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_version_1_below_our_own_cgroup(node: Node, state: Path) -> None:
    node.version_1()

    limits = find_limits(state, node.proc)

    assert isinstance(limits, Cgroups)
    name = f"raylambda-{node.namespace}-{os.getpid()}-500"
    assert limits.folders == (node.cgroup / "memory/mine" / name, node.cgroup / "pids/mine" / name)
    assert (state / "hosts" / name).read_text().splitlines() == list(map(str, limits.folders))


def test_the_mount_s_root_where_our_path_cannot_be_seen(node: Node, state: Path) -> None:
    node.version_1()
    node.own = node.own.replace("/mine", "/docker/abc")
    node.write()

    limits = find_limits(state, node.proc)

    assert isinstance(limits, Cgroups)
    assert limits.folders[0].parent == node.cgroup / "memory"


def test_close_removes_folders_and_record(node: Node, state: Path) -> None:
    node.version_1()
    limits = find_limits(state, node.proc)

    limits.close()

    assert list((state / "hosts").iterdir()) == []
    assert not any(folder.exists() for folder in limits.folders)  # type: ignore[attr-defined]


def test_version_2_without_the_controllers_is_watched(node: Node, state: Path) -> None:
    node.version_2("cpu io", "")

    limits = find_limits(state, node.proc)

    assert isinstance(limits, Watched)
    assert "not delegated" in limits.warnings[0]


def test_nothing_mounted_is_watched(node: Node, state: Path) -> None:
    assert isinstance(find_limits(state, node.proc), Watched)


def test_a_version_2_that_hands_down_needs_our_folder_to_do_so_too(node: Node, state: Path) -> None:
    folder = node.version_2("cpu memory pids", "memory pids")
    ours = folder / f"raylambda-{node.namespace}-{os.getpid()}-500"
    ours.mkdir()
    (ours / "cgroup.subtree_control").write_text("")

    limits = find_limits(state, node.proc)

    assert isinstance(limits, Cgroups)
    assert limits.folders == (ours,)
    assert (ours / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_a_dead_host_s_folders_are_removed_and_a_living_one_s_stay(node: Node, state: Path) -> None:
    records = state / "hosts"
    records.mkdir(parents=True)
    folders = {}
    for pid, started in ((os.getpid(), 500), (os.getpid(), 499), (999_999, 1)):
        folder = folders[pid, started] = node.cgroup / f"{pid}-{started}"
        (folder / "guest").mkdir(parents=True)
        (records / f"raylambda-{node.namespace}-{pid}-{started}").write_text(f"{folder}\n")

    for folder in folders.values():
        (folder / "guest").rmdir()
    sweep(records, node.proc)

    assert [key for key, folder in folders.items() if folder.exists()] == [(os.getpid(), 500)]
    assert [path.name for path in records.iterdir()] == [f"raylambda-{node.namespace}-{os.getpid()}-500"]


def test_a_record_stays_while_its_folder_cannot_be_removed(node: Node, state: Path) -> None:
    records = state / "hosts"
    folder = node.cgroup / "busy"
    (folder / "guest" / "deeper").mkdir(parents=True)
    (folder / "guest/cgroup.procs").write_text("")
    records.mkdir(parents=True)
    (records / f"raylambda-{node.namespace}-999999-1").write_text(f"{folder}\n")

    sweep(records, node.proc)

    assert (records / f"raylambda-{node.namespace}-999999-1").exists()


def test_folders_of_dead_hosts_with_another_state_are_removed_too(node: Node, state: Path) -> None:
    node.version_1()
    dead = node.cgroup / f"memory/mine/raylambda-{node.namespace}-999999-1"
    dead.mkdir()

    find_limits(state, node.proc)

    assert not dead.exists()


def test_a_process_is_named_by_its_start(node: Node) -> None:
    assert process_name(os.getpid(), node.proc) == f"{os.getpid()}-500"


def test_hosts_of_another_process_namespace_are_left_alone(node: Node, state: Path) -> None:
    node.version_1()
    other = node.cgroup / "memory/mine/raylambda-1-999999-1"
    other.mkdir()

    find_limits(state, node.proc)

    assert other.exists()

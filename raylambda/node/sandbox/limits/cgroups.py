"""Finds where this process may make cgroups for its guests, and removes those of hosts that died.

A host's folders are named after its process (process namespace, pid, start time), and lie in its own cgroup, so that a limit that somebody set on
the host holds for its guests too. The folders are also written down in ``<state>/hosts/<name>``: the next host on the node finds
there what a killed one left, kills what still runs in it, and removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from raylambda.node.sandbox.limits.cgroup_limits import V1, V2, Cgroups
from raylambda.node.sandbox.limits.contract import LimitsFactory
from raylambda.node.sandbox.limits.watched_limits import Watched

_CONTROLLERS: Final = ("memory", "pids")
_LEAF: Final = "raylambda-leaf"


class NoCgroups(Exception):
    """This process cannot make cgroups with memory and pids limits; the text says why."""


def find_limits(state_dir: Path, proc: Path = Path("/proc")) -> LimitsFactory:
    """The strongest limits that this node offers; ``state_dir`` is made if it is not there."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    records = state_dir / "hosts"
    records.mkdir(exist_ok=True, mode=0o700)
    sweep(records, proc)
    name = f"raylambda-{_pid_namespace(proc)}-{process_name(os.getpid(), proc)}"
    problems = []
    for attempt in (_version_1, _version_2):
        try:
            cgroups = attempt(name, proc)
        except (NoCgroups, OSError) as error:
            problems.append(str(error))
            continue
        cgroups.write_down(records / name)
        for folder in cgroups.folders:
            for sibling in folder.parent.glob("raylambda-*-*-*"):  # of dead hosts with another state folder
                if not _is_alive(sibling.name, proc):
                    _clear(sibling)
        return cgroups
    return Watched("; ".join(problems))


def process_name(pid: int, proc: Path = Path("/proc")) -> str:
    """``<pid>-<start time in ticks>``, which no other process of this boot has; raises ``OSError`` when there is none."""
    fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return f"{pid}-{fields[19]}"


def sweep(records: Path, proc: Path = Path("/proc")) -> None:
    """Remove the cgroups of the hosts written down in ``records`` that are dead."""
    for record in records.iterdir():
        if _is_alive(record.name, proc):
            continue
        cleared = [_clear(Path(line)) for line in record.read_text().splitlines()]
        if all(cleared):
            record.unlink(missing_ok=True)


def _is_alive(name: str, proc: Path) -> bool:
    """Whether the host that ``name`` names may be alive; one of another process namespace always may."""
    found = re.fullmatch(r"raylambda-(\d+)-((\d+)-\d+)", name)
    if found is None or found[1] != _pid_namespace(proc):
        return True
    try:
        return process_name(int(found[3]), proc) == found[2]
    except OSError:
        return False


def _pid_namespace(proc: Path) -> str:
    return str((proc / "self/ns/pid").stat().st_ino)


def _clear(folder: Path) -> bool:
    """End what runs in a dead host's folder and remove it; whether it is gone.

    What does not die at once keeps its folder, and the next host tries again.
    """
    if not folder.exists():
        return True
    for guest in [*folder.iterdir(), folder]:
        if guest.is_dir():
            with contextlib.suppress(OSError):
                for pid in (guest / "cgroup.procs").read_text().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                guest.rmdir()
    return not folder.exists()


def _version_1(name: str, proc: Path) -> Cgroups:
    mounts = _mounts(proc, "cgroup")
    own = _own_paths(proc)
    folders = []
    for controller in _CONTROLLERS:
        mount = next((path for path, options in mounts if controller in options), None)
        if mount is None:
            raise NoCgroups(f"v1: no {controller} controller")
        folders.append(_writable(mount, own.get(controller, "/")) / name)
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return Cgroups("cgroup v1 memory and pids limits", V1, folders[0], folders[1])


def _version_2(name: str, proc: Path) -> Cgroups:
    mount = next((path for path, _ in _mounts(proc, "cgroup2")), None)
    if mount is None:
        raise NoCgroups("v2: not mounted")
    parent = _writable(mount, _own_paths(proc).get("", "/"))
    offered = (parent / "cgroup.controllers").read_text().split()
    if not set(_CONTROLLERS) <= set(offered):
        raise NoCgroups("v2: memory and pids are not delegated to us")
    _hand_down(parent)
    folder = parent / name
    folder.mkdir(exist_ok=True)
    _hand_down(folder)
    return Cgroups("cgroup v2 memory and pids limits", V2, folder, folder)


def _hand_down(parent: Path) -> None:
    """Give the controllers to the children of ``parent``, which then may hold no process itself: they move to a leaf."""
    control = parent / "cgroup.subtree_control"
    if set(_CONTROLLERS) <= set(control.read_text().split()):
        return
    text = " ".join(f"+{controller}" for controller in _CONTROLLERS)
    with contextlib.suppress(OSError):
        control.write_text(text)
        return
    leaf = parent / _LEAF
    leaf.mkdir(exist_ok=True)
    for pid in (parent / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(pid)
    control.write_text(text)


def _writable(mount: Path, own: str) -> Path:
    """Our own cgroup, or the mount's root where our path is not visible (a container); raises ``NoCgroups``."""
    folder = mount / own.lstrip("/")
    folder = folder if folder.is_dir() else mount
    if not os.access(folder, os.W_OK):
        raise NoCgroups(f"{folder} is not writable")
    return folder


def _mounts(proc: Path, kind: str) -> list[tuple[Path, Iterable[str]]]:
    """Mount points of a file system type, with their options."""
    lines = (line.split() for line in (proc / "self/mounts").read_text().splitlines())
    return [(Path(fields[1]), fields[3].split(",")) for fields in lines if fields[2] == kind]


def _own_paths(proc: Path) -> dict[str, str]:
    """Our cgroup's path by controller (v1), and under the empty name that of v2."""
    paths = {}
    for line in (proc / "self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths

"""Memory of processes, as the kernel accounts it: PSS shares a page among those that map it."""

from __future__ import annotations

from pathlib import Path


def processes() -> dict[int, tuple[int, str]]:
    """pid -> (parent's pid, command name and title), of everything that can be read."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text()
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            name, _, rest = status.partition("(")[2].rpartition(")")
            found[int(entry.name)] = (int(rest.split()[1]), f"{name} {title}")
    return found


def descendants(root: int) -> list[int]:
    """All processes below ``root``, without itself."""
    parents = {pid: parent for pid, (parent, _) in processes().items()}
    below, added = {root}, True
    while added:
        fresh = {pid for pid, parent in parents.items() if parent in below} - below
        added = bool(fresh)
        below |= fresh
    return sorted(below - {root})


def pss_mb(pids: list[int]) -> float:
    """Proportional set size of all these processes together, in MB; ended ones count as nothing."""
    total_kb = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1024


def jails(root: int) -> list[int]:
    """The outermost process of every jail below ``root``: bwrap whose parent is not bwrap."""
    found = processes()
    return [
        pid
        for pid in descendants(root)
        if pid in found and found[pid][1].startswith("bwrap ") and not _title(found, found[pid][0]).startswith("bwrap ")
    ]


def hosts(root: int) -> list[int]:
    """The host actors' processes below ``root``."""
    found = processes()
    return [pid for pid in descendants(root) if "ray::Host" in _title(found, pid)]


def _title(found: dict[int, tuple[int, str]], pid: int) -> str:
    return found.get(pid, (0, ""))[1]

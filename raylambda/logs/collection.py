"""Log groups of functions that are no more: kept while there is room for them, then the ones written to longest ago go first."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

GRACE_S: Final = 3600.0
"""A group that was written to within this time stays: an environment may still be ending, or its function just being made."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptGroup:
    """A log group's folder: ``size`` in bytes, and the time of its last line (epoch seconds)."""

    path: Path
    size: int
    written_s: float


def kept_groups(root: Path) -> list[KeptGroup]:
    """All groups below ``root``; a group whose files have all expired was last written to when the last one was removed."""
    groups = []
    for path in root.glob("*/"):
        if path.is_symlink():
            continue  # somebody's own; what it leads to is not ours to remove
        files = []
        with suppress(FileNotFoundError):  # the group was removed meanwhile
            for entry in path.iterdir():
                with suppress(FileNotFoundError):  # the file expired meanwhile
                    files.append(entry.lstat())
            written_s = max(file.st_mtime for file in files or [path.stat()])
            groups.append(KeptGroup(path, sum(file.st_size for file in files), written_s))
    return groups


def groups_to_collect(
    groups: Iterable[KeptGroup], in_use: Set[Path], limit_bytes: int, now_s: float
) -> list[KeptGroup]:
    """Which groups go so that those of no function (not ``in_use``) take ``limit_bytes`` at most; empty ones always. Pure."""
    orphans = [group for group in groups if group.path not in in_use]
    excess = sum(group.size for group in orphans) - limit_bytes
    chosen = []
    for group in sorted(orphans, key=lambda group: group.written_s):
        if group.written_s > now_s - GRACE_S:
            break
        if excess > 0 or group.size == 0:
            chosen.append(group)
            excess -= group.size
    return chosen


def collect_groups(root: Path, in_use: Set[Path], limit_bytes: int, now_s: float) -> int:
    """Remove what ``groups_to_collect`` says below ``root``; how many. Blocks on the disk.

    A group that cannot be removed, because its files change or for good, is left for the next time, and others are not.
    """
    removed = 0
    for group in groups_to_collect(kept_groups(root), in_use, limit_bytes, now_s):
        try:
            shutil.rmtree(group.path)
            removed += 1
        except OSError as error:
            _log.warning("log_group_not_removed", path=str(group.path), error=str(error))
    return removed

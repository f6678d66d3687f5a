"""Which trees go when a node has too many: those that were used longest ago, and never one that is held."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from raylambda.node.trees.files import ALONE, AT_ONCE, disk_bytes, lock, remove_tree

SIZE_FILE: Final = "bytes"
_LOG: Final = logging.getLogger(__name__)
_NAME: Final = re.compile(r"([0-9a-f]{64})(\.part|\.lock)?")


@dataclass(frozen=True, slots=True)
class StoredTree:
    """One tree with its compiled ones; ``last_use`` in seconds since the epoch."""

    sha256: str
    disk_bytes: int
    last_use: float
    held: bool = False


def to_collect(trees: Iterable[StoredTree], limit_bytes: int) -> list[str]:
    """The trees to remove, oldest first, so that the rest is within the limit, as far as those that are held let it (pure)."""
    stored = list(trees)
    excess = sum(tree.disk_bytes for tree in stored) - limit_bytes
    chosen = []
    for tree in sorted(stored, key=lambda tree: tree.last_use):
        if excess > 0 and not tree.held:
            chosen.append(tree.sha256)
            excess -= tree.disk_bytes
    return chosen


def collect(root: Path, limit_bytes: int) -> list[str]:
    """Remove what is too much below ``root``, and what killed processes left there; returns the hashes of what went."""
    stored, left_over = _survey(root)
    for sha256 in left_over:
        _remove(root, sha256)
    gone = []
    while chosen := to_collect(stored.values(), limit_bytes):
        for sha256 in chosen:
            if _remove(root, sha256):
                gone.append(sha256)
                del stored[sha256]
            else:
                stored[sha256] = replace(stored[sha256], held=True)
    if gone:
        _LOG.info("removed %d packages that were not used lately: more than %d MB", len(gone), limit_bytes >> 20)
    return gone


def _survey(root: Path) -> tuple[dict[str, StoredTree], set[str]]:
    """The trees, and the hashes of which there are only locks or halves."""
    stored, mentioned = {}, set()
    for entry in os.scandir(root):
        name = _NAME.fullmatch(entry.name)
        if name is None:
            continue
        mentioned.add(name[1])
        if name[2] is None:
            with contextlib.suppress(OSError):  # another process has just removed it
                stored[name[1]] = StoredTree(name[1], _size(Path(entry.path)), _last_use(root, name[1]))
    return stored, mentioned - set(stored)


def _size(tree: Path) -> int:
    try:
        return int((tree / SIZE_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return disk_bytes(tree)


def _last_use(root: Path, sha256: str) -> float:
    try:
        return (root / f"{sha256}.lock").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove(root: Path, sha256: str) -> bool:
    """Remove a tree with all that belongs to it; false when somebody uses it, or it cannot be removed."""
    path = root / f"{sha256}.lock"
    try:
        held = lock(path, ALONE | AT_ONCE)
    except BlockingIOError:
        return False
    try:
        remove_tree(root / f"{sha256}.part")
        if (root / sha256).exists():
            (root / sha256).rename(root / f"{sha256}.part")
            remove_tree(root / f"{sha256}.part")
        path.unlink()
    except OSError as error:
        _LOG.warning("package %s cannot be removed: %s", sha256, error)
        return False
    finally:
        os.close(held)
    return True

"""The folder that one host alone writes to, and what is left of hosts of its node that were killed.

A host holds a lock in its folder while its process lives, however it ends; the kernel frees the lock. So the next host that
starts on the node knows which folders nobody needs any more, and the cgroups that are written down in them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from raylambda.node.sandbox.limits.cgroups import sweep

_LOCK: Final = "lock"
_CGROUPS: Final = "hosts"
"""Where ``sandbox.limits.cgroups`` writes down its folders."""


class HostFolder:
    """``take`` makes one; ``path`` lies beside the folders of the node's other hosts."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def take(cls, path: Path) -> HostFolder:
        """Make the folder, mode 0700, and remove those beside it whose hosts are dead; raises ``OSError``."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(path.parent):
            path.mkdir(exist_ok=True, mode=0o700)
            lock = _open_lock(path / _LOCK)
            if not _try_lock(lock):
                os.close(lock)
                raise FileExistsError(f"another host uses {path}")
            for other in list(path.parent.iterdir()):
                if other.is_dir() and other != path:
                    _remove_if_dead(other)
        return cls(path, lock)

    def remove(self) -> None:
        """Remove the folder; the host has ended what it ran. May be called twice."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One host at a time makes and removes folders: one that has no lock yet is never seen."""
    lock = _open_lock(folder / _LOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_if_dead(folder: Path) -> None:
    lock = _open_lock(folder / _LOCK)
    try:
        if not _try_lock(lock):
            return
        if (folder / _CGROUPS).is_dir():
            sweep(folder / _CGROUPS)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""What all of this package does with files: locks that outlive the removal of what they guard, sizes on disk, and removal."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

SHARED: Final = fcntl.LOCK_SH
ALONE: Final = fcntl.LOCK_EX
AT_ONCE: Final = fcntl.LOCK_NB
_BLOCK: Final = 512


def lock(path: Path, how: int) -> int:
    """A descriptor that holds the lock until it is closed; with ``AT_ONCE`` raises ``BlockingIOError`` instead of waiting.

    Whoever removes what a lock guards removes the lock file as well: one that was removed while we waited is another's past.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def disk_bytes(path: Path) -> int:
    """What a tree takes of the disk; a file with several names in it counts once."""
    seen = {}
    for folder, folders, names in os.walk(path):
        for name in (".", *folders, *names):
            status = os.lstat(f"{folder}/{name}")
            seen[status.st_ino] = status.st_blocks * _BLOCK
    return sum(seen.values())


def remove_tree(path: Path) -> None:
    """Remove a tree, read-only folders included; one that is not there is fine."""
    if not path.exists():
        return
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o700)
    shutil.rmtree(path)

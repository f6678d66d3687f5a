"""Code trees of a node: each package is unpacked once, and every environment of the node mounts that tree.

``root/<sha256>/code`` is the tree, read-only and readable by everybody (a jail's user is nobody in particular); beside it, ``boot``
holds the boot id under which it was written. A tree appears by one rename, so one that exists is whole, unless the machine
went down before its files were on the disk: a tree of another boot is unpacked again. A file lock per package keeps several
processes of a node from unpacking at once; what a killed one left behind is removed by the next.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from raylambda.artifacts.archive import unpack_zip

Fetch = Callable[[], Awaitable[bytes]]
_SHA256: Final = re.compile("[0-9a-f]{64}")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class CodeDamaged(Exception):
    """The bytes of a package are not those that its hash names."""


class CodeTrees:
    """Unpacked packages below ``root``, which several processes may share; all methods are called from one event loop."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._boot_id = _BOOT_ID.read_text() if _BOOT_ID.exists() else "unknown"
        self._turns: dict[str, asyncio.Lock] = {}
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def tree(self, sha256: str, fetch: Fetch) -> Path:
        """Return the tree of the package with this hash (64 hex digits); ``fetch`` is called only if the node has none.

        Raises ``CodeDamaged``, ``BadZip`` or ``ZipTooLarge``, and leaves no part of a tree then.
        """
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256 in hex: {sha256!r}")
        if self._is_whole(sha256):
            return self._code(sha256)
        turn = self._turns.setdefault(sha256, asyncio.Lock())
        async with turn:
            if not self._is_whole(sha256):
                data = await fetch()
                await asyncio.to_thread(self._unpack_once, sha256, data)
        self._turns.pop(sha256, None)
        return self._code(sha256)

    def _code(self, sha256: str) -> Path:
        return self._root / sha256 / "code"

    def _is_whole(self, sha256: str) -> bool:
        try:
            return (self._root / sha256 / "boot").read_text() == self._boot_id
        except OSError:
            return False

    def _unpack_once(self, sha256: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != sha256:
            raise CodeDamaged(f"the package {sha256} has other bytes than its hash says")
        with (self._root / f"{sha256}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._is_whole(sha256):
                return
            part = self._root / f"{sha256}.part"
            remove_tree(part)
            remove_tree(self._root / sha256)
            try:
                part.mkdir(mode=0o755)
                unpack_zip(data, part / "code")
                for folder, _, _ in os.walk(part / "code"):
                    Path(folder).chmod(0o555)
                (part / "boot").write_text(self._boot_id)
                part.rename(self._root / sha256)
            finally:
                remove_tree(part)


def remove_tree(path: Path) -> None:
    """Remove a tree, read-only folders included; one that is not there is fine."""
    if not path.exists():
        return
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o700)
    shutil.rmtree(path)

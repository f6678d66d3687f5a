"""Unpacked packages: fetched, checked and unpacked by the first who needs one, and held by all who use it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from raylambda.artifacts.archive import unpack_zip
from raylambda.node.trees.collection import SIZE_FILE, collect
from raylambda.node.trees.files import ALONE, AT_ONCE, SHARED, disk_bytes, lock, remove_tree

Fetch = Callable[[], Awaitable[bytes]]
NO_LIMIT: Final = 1 << 62
_SHA256: Final = re.compile("[0-9a-f]{64}")
_LOG: Final = logging.getLogger(__name__)
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class CodeDamaged(Exception):
    """The bytes of a package are not those that its hash names."""


class Hold:
    """A tree in use; nobody removes it until ``release``. ``code`` is the package as it was unpacked."""

    def __init__(self, trees: CodeTrees, sha256: str) -> None:
        self._trees = trees
        self._held = True
        self.sha256 = sha256
        self.code = trees.root / sha256 / "code"

    def compiled(self, name: str) -> Path:
        """Where the tree with this byte code is, once there is one."""
        return self.code.with_name(name)

    def share(self) -> Hold:
        """Another hold of the same tree."""
        return self._trees.hold_again(self.sha256)

    def release(self) -> None:
        """May be called twice."""
        if self._held:
            self._held = False
            self._trees.let_go(self.sha256)


class CodeTrees:
    """Unpacked packages below ``root``, which several processes may share; all methods are called from one event loop.

    Those that nobody holds go when all together take more than ``limit_bytes``.
    """

    def __init__(self, root: Path, limit_bytes: int = NO_LIMIT) -> None:
        self.root = root
        self._limit_bytes = limit_bytes
        self._boot_id = _BOOT_ID.read_text() if _BOOT_ID.exists() else "unknown"
        self._turns: dict[str, asyncio.Lock] = {}
        self._locks: dict[str, int] = {}
        self._holds: dict[str, int] = {}
        self._collecting: asyncio.Task[None] | None = None
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def hold(self, sha256: str, fetch: Fetch) -> Hold:
        """Hold the tree of the package with this hash (64 hex digits); ``fetch`` is called only if the node has none.

        Raises ``CodeDamaged``, ``BadZip``, ``ZipTooLarge`` or ``OSError``, and leaves no part of a tree then.
        """
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256 in hex: {sha256!r}")
        if sha256 in self._locks:
            return self.hold_again(sha256)
        async with self._turns.setdefault(sha256, asyncio.Lock()):
            if sha256 not in self._locks:
                found = self._lock_at_once(sha256)
                self._locks[sha256] = await self._unpack(sha256, await fetch()) if found is None else found
        self._turns.pop(sha256, None)
        return self.hold_again(sha256)

    def hold_again(self, sha256: str) -> Hold:
        """Hold a tree that is held already."""
        os.utime(self._locks[sha256])
        self._holds[sha256] = self._holds.get(sha256, 0) + 1
        return Hold(self, sha256)

    def let_go(self, sha256: str) -> None:
        """The end of one hold."""
        self._holds[sha256] -= 1
        if not self._holds[sha256]:
            del self._holds[sha256]
            lock_of_tree = self._locks.pop(sha256)
            os.utime(lock_of_tree)
            os.close(lock_of_tree)

    async def grown(self, sha256: str) -> None:
        """A compiled tree has come to the package's, which is held."""
        await asyncio.to_thread(_write_size, self.root / sha256)
        self._collect()

    async def close(self) -> None:
        """Wait for what is under way; nothing is held any more."""
        if self._collecting is not None:
            await asyncio.wait([self._collecting])

    async def _unpack(self, sha256: str, data: bytes) -> int:
        """Unpack, and return the tree's lock; a caller that gives up leaves nothing locked."""
        work = asyncio.ensure_future(asyncio.to_thread(self._unpack_once, sha256, data))
        try:
            found = await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_close_result)
            raise
        self._collect()
        return found

    def _collect(self) -> None:
        """In a thread, and after the one before."""
        self._collecting = asyncio.create_task(self._collect_after(self._collecting))

    async def _collect_after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await asyncio.to_thread(collect, self.root, self._limit_bytes)
        except OSError as error:
            _LOG.warning("packages that were not used lately cannot be removed: %s", error)

    def _lock_path(self, sha256: str) -> Path:
        return self.root / f"{sha256}.lock"

    def _lock_at_once(self, sha256: str) -> int | None:
        """The same if nobody has to be waited for."""
        with contextlib.suppress(BlockingIOError):
            return self._lock_whole(sha256, SHARED | AT_ONCE)
        return None

    def _lock_whole(self, sha256: str, how: int = SHARED) -> int | None:
        """The lock of a tree that is here and whole; ``None`` when it has to be made."""
        shared = lock(self._lock_path(sha256), how)
        if self._is_whole(sha256):
            return shared
        os.close(shared)
        return None

    def _is_whole(self, sha256: str) -> bool:
        try:
            return (self.root / sha256 / "boot").read_text() == self._boot_id
        except OSError:
            return False

    def _unpack_once(self, sha256: str, data: bytes) -> int:
        """Make the tree, if no other process has; returns its lock, shared. Who makes or removes it is waited for."""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise CodeDamaged(f"the package {sha256} has other bytes than its hash says")
        while (shared := self._lock_whole(sha256)) is None:
            with contextlib.suppress(BlockingIOError):
                alone = lock(self._lock_path(sha256), ALONE | AT_ONCE)
                try:
                    self._unpack_alone(sha256, data)
                finally:
                    os.close(alone)
        return shared

    def _unpack_alone(self, sha256: str, data: bytes) -> None:
        if self._is_whole(sha256):
            return
        part = self.root / f"{sha256}.part"
        remove_tree(part)
        remove_tree(self.root / sha256)
        try:
            part.mkdir(mode=0o755)
            unpack_zip(data, part / "code")
            for folder, _, _ in os.walk(part / "code"):
                Path(folder).chmod(0o555)
            (part / "boot").write_text(self._boot_id)
            _write_size(part)
            os.utime(self._lock_path(sha256))
            part.rename(self.root / sha256)
        finally:
            remove_tree(part)


def _write_size(tree: Path) -> None:
    new = tree / f"{SIZE_FILE}.new"
    new.write_text(str(disk_bytes(tree)))
    new.rename(tree / SIZE_FILE)


def _close_result(work: asyncio.Future[int]) -> None:
    if not work.cancelled() and work.exception() is None:
        os.close(work.result())

"""Deployment packages by content: what is put in comes out unchanged, or not at all.

Promises of every implementation: ``put`` returns when the package would survive a crash; putting the same bytes again is
harmless and mends a damaged copy; ``get`` never returns bytes of another digest; both are safe from many threads and processes.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final, Protocol

from raylambda.store.errors import StoreUnavailable

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class CodeMissing(Exception):
    """The code store has no such package."""


class CodeCorrupted(CodeMissing):
    """The stored bytes are not the ones that were put in; putting the package again mends it."""


class CodeStore(Protocol):
    """Keeps packages under the hex SHA-256 of their bytes."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its digest; raises ``StoreUnavailable``."""
        ...

    def get(self, sha256: str) -> bytes:
        """The package; raises ``CodeMissing``, ``CodeCorrupted`` or ``StoreUnavailable``."""
        ...


class LocalCodeStore:
    """Packages as files (mode 0600) below ``root`` (mode 0700), two levels deep so that no directory grows huge."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            if not self._holds(sha256, data):
                _write_durably(self._file(sha256), data)
        except OSError as error:
            raise _unavailable(self._root, error) from error
        return sha256

    def get(self, sha256: str) -> bytes:
        if not _DIGEST.fullmatch(sha256):
            raise CodeMissing(f"not a SHA-256 digest: {sha256[:80]!r}")
        try:
            data = self._file(sha256).read_bytes()
        except FileNotFoundError:
            raise CodeMissing(f"no package {sha256}") from None
        except OSError as error:
            raise _unavailable(self._root, error) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise CodeCorrupted(f"package {sha256} is damaged")
        return data

    def _file(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _holds(self, sha256: str, data: bytes) -> bool:
        try:
            return self._file(sha256).read_bytes() == data
        except FileNotFoundError:
            return False


def _write_durably(target: Path, data: bytes) -> None:
    """Write beside the target, flush to the disk, rename: a reader sees the whole file or none."""
    _make_directory(target.parent)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_directory(target.parent)


def _make_directory(directory: Path) -> None:
    if directory.is_dir():
        return
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    _flush_directory(directory.parent)


def _flush_directory(directory: Path) -> None:
    """A rename survives a power cut only once its directory is on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(root: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the code store {root} does not work: {error.strerror}")

"""Deployment packages by content: what is put in comes out unchanged, or not at all.

Promises of every implementation: ``put`` returns when the package would survive a crash; putting the same bytes again is
harmless and mends a damaged copy; ``get`` and ``open`` never return bytes of another digest; all are safe from many threads and
processes.
What nobody needs any more is for ``collecting`` to say.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from raylambda.store.errors import StoreUnavailable

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_INCOMING: Final = ".incoming-"
_COPY_BYTES: Final = 1 << 20
_NO_LINK: Final = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
"""What file systems say that cannot give this file another name; a copy is no help for anything else."""


class CodeMissing(Exception):
    """The code store has no such package."""


class CodeCorrupted(CodeMissing):
    """The stored bytes are not the ones that were put in; putting the package again mends it."""


class CodeStore(Protocol):
    """Keeps packages under the hex SHA-256 of their bytes."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its digest; raises ``StoreUnavailable``."""
        ...

    def adopt(self, file: Path, sha256: str) -> None:
        """Keep the package that is in ``file``, which has this digest and is on the disk.

        Raises ``CodeMissing`` when the file has gone, and ``StoreUnavailable``.
        """
        ...

    def get(self, sha256: str) -> bytes:
        """The package; raises ``CodeMissing``, ``CodeCorrupted`` or ``StoreUnavailable``."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The package to read in pieces, at its beginning, for the caller to close; raises as ``get`` does.

        It stays readable as it is when the package is removed or put again meanwhile.
        """
        ...

    def holds(self, sha256: str) -> bool:
        """Whether the package is there; its bytes are not looked at."""
        ...

    def digests(self) -> Iterator[str]:
        """The digests of all packages."""
        ...

    def remove(self, sha256: str) -> None:
        """Forget a package; one that is not there is fine. Raises ``StoreUnavailable``."""
        ...


class LocalCodeStore:
    """Packages as files (mode 0600) below ``root`` (mode 0700), two levels deep so that no directory grows huge."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            if not self._has(sha256, data):
                _appear(self._file(sha256), lambda temporary: _write_flushed(temporary, io.BytesIO(data)))
        except OSError as error:
            raise _unavailable(self._root, error) from error
        return sha256

    def adopt(self, file: Path, sha256: str) -> None:
        try:
            _appear(self._file(sha256), lambda temporary: _link_or_copy(file, temporary))
        except OSError as error:
            if not file.exists():
                raise CodeMissing(f"the file with the package {sha256} has gone") from None
            raise _unavailable(self._root, error) from error

    def get(self, sha256: str) -> bytes:
        with self.open(sha256) as file:
            return file.read()

    def open(self, sha256: str) -> BinaryIO:
        if not _DIGEST.fullmatch(sha256):
            raise CodeMissing(f"not a SHA-256 digest: {sha256[:80]!r}")
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._file(sha256).open("rb"))
                found = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
            except FileNotFoundError:
                raise CodeMissing(f"no package {sha256}") from None
            except OSError as error:
                raise _unavailable(self._root, error) from error
            if found != sha256:
                raise CodeCorrupted(f"package {sha256} is damaged")
            stack.pop_all()
            return file

    def holds(self, sha256: str) -> bool:
        return self._file(sha256).is_file()

    def digests(self) -> Iterator[str]:
        for file in self._root.glob("??/*"):
            if _DIGEST.fullmatch(file.name):
                yield file.name

    def tidy(self) -> None:
        """Remove what a killed process left half-written; only while nobody else uses the store."""
        for folder in self._root.glob(f"??/{_INCOMING}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def remove(self, sha256: str) -> None:
        try:
            self._file(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable(self._root, error) from error

    def _file(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _has(self, sha256: str, data: bytes) -> bool:
        try:
            return self._file(sha256).read_bytes() == data
        except FileNotFoundError:
            return False


def _appear(target: Path, make: Callable[[Path], None]) -> None:
    """Make a file beside the target, and rename it: a reader sees the whole file or none."""
    _make_directory(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_INCOMING) as folder:
        temporary = Path(folder) / target.name
        make(temporary)
        temporary.replace(target)
    _flush_directory(target.parent)


def _write_flushed(file: Path, source: BinaryIO) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # noqa: PTH123
        shutil.copyfileobj(source, opened, _COPY_BYTES)
        opened.flush()
        os.fsync(opened.fileno())


def _link_or_copy(file: Path, target: Path) -> None:
    """The same file under another name, where the file system can do that; its bytes were flushed when it was made."""
    try:
        target.hardlink_to(file)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with file.open("rb") as source:
            _write_flushed(target, source)


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

"""Packages on their way: an account has sent them, and no function has them yet.

An upload is a file ``root/<account>/<sha256>`` (mode 0600, folders 0700) that appears by one rename, once all of its bytes are
there and are those that its digest names. It belongs to the account that sent it: nobody else finds it, or learns that it is
there. It goes when nobody has asked for it for ``KEEP_S``, or when its account's newer ones fill ``MOST_BYTES``.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from raylambda.model.clock import Clock
from raylambda.store.errors import StoreUnavailable

KEEP_S: Final = 3600.0
MOST_BYTES: Final = 1 << 30
_SPARE_S: Final = 60.0  # what was found in its last moment is still there when it is used
_INCOMING: Final = ".incoming-"


class OtherBytes(Exception):
    """What was sent has another digest than was announced."""


class IncomingUpload:
    """An upload while its bytes arrive, in the file ``path``. One thread at a time."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)

    def finish(self, sha256: str) -> None:
        """All bytes are there, and on the disk; raises ``OtherBytes``."""
        found = self._digest.hexdigest()
        if found != sha256:
            raise OtherBytes(f"the bytes have the SHA-256 {found}, and {sha256} was announced")
        self._file.flush()
        os.fsync(self._file.fileno())


class Uploads:
    """Safe from many threads; one process has the folder."""

    def __init__(self, root: Path, clock: Clock, most_bytes: int = MOST_BYTES) -> None:
        self._root = root
        self._clock = clock
        self._most_bytes = most_bytes

    @contextmanager
    def incoming(self, account: str, sha256: str) -> Iterator[IncomingUpload]:
        """Take an upload: it is kept when the block ends well, and otherwise leaves nothing. Raises ``StoreUnavailable``."""
        folder = self._root / account
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=folder, prefix=_INCOMING)  # mode 0600
            path = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield IncomingUpload(path, file)
                self._touch(path)
                path.replace(folder / sha256)
            finally:
                path.unlink(missing_ok=True)
            self._make_room(account)
        except OSError as error:
            raise StoreUnavailable(f"uploads cannot be kept in {self._root}: {error.strerror}") from error

    def find(self, account: str, sha256: str) -> Path | None:
        """The upload of this account, which now stays for another ``KEEP_S``; ``None`` when it has none (any more)."""
        path = self._root / account / sha256
        try:
            if self._clock.now() - path.stat().st_mtime > KEEP_S:
                return None
            self._touch(path)
        except FileNotFoundError:
            return None
        return path

    def expire(self) -> None:
        """Remove what nobody has asked for in time."""
        for path, facts in self._held("*"):
            if self._clock.now() - facts.st_mtime > KEEP_S + _SPARE_S:
                path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what a killed process left half-written; only while nobody else uses the folder."""
        for path in self._root.glob(f"*/{_INCOMING}*"):
            path.unlink(missing_ok=True)

    def _make_room(self, account: str) -> None:
        """The newest uploads of an account stay, as far as they fit."""
        total = 0
        for path, facts in sorted(self._held(account), key=lambda held: -held[1].st_mtime_ns):
            total += facts.st_size
            if total > self._most_bytes:
                path.unlink(missing_ok=True)

    def _held(self, account: str) -> Iterator[tuple[Path, os.stat_result]]:
        """The uploads of an account, or of all (``*``)."""
        for path in self._root.glob(f"{account}/[!.]*"):
            with suppress(FileNotFoundError):  # another thread was faster
                yield path, path.stat()

    def _touch(self, path: Path) -> None:
        now = self._clock.now()
        os.utime(path, (now, now))

"""A code store in memory."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from raylambda.store.codestore import CodeMissing


class MemoryCodeStore:
    """Packages in a dictionary: the promises of ``CodeStore`` but for surviving the process."""

    def __init__(self) -> None:
        self.packages: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.packages[sha256] = bytes(data)
        return sha256

    def adopt(self, file: Path, sha256: str) -> None:
        try:
            self.packages[sha256] = file.read_bytes()
        except FileNotFoundError:
            raise CodeMissing(f"the file with the package {sha256} has gone") from None

    def holds(self, sha256: str) -> bool:
        return sha256 in self.packages

    def digests(self) -> Iterator[str]:
        return iter(tuple(self.packages))

    def remove(self, sha256: str) -> None:
        self.packages.pop(sha256, None)

    def get(self, sha256: str) -> bytes:
        try:
            return self.packages[sha256]
        except KeyError:
            raise CodeMissing(f"no package {sha256[:80]!r}") from None

    def open(self, sha256: str) -> BinaryIO:
        return io.BytesIO(self.get(sha256))

"""Byte code of a code tree, on the node's side: which files may have it, and what is taken of what a compiler in a jail sends.

A file that brings its own byte code keeps it, unless Python would not look at it: a ``.pyc`` that names the time of its source is
for the machine where it was made, because no unpacked file has that time. What ``bootstrap/python_compiler.py`` sends is hostile
input, as all that comes from a guest: only files that are wanted are taken, each once, with the right first bytes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from raylambda.node.runtimes.interpreters import ByteCode

MOST_BYTES: Final = 262_144_000
"""Of all byte code of a tree, as much as a package may have."""
_LONGEST_PATH: Final = 4096
_LENGTHS: Final = 8
_HEADER: Final = 16
_UNCHECKED_HASH: Final = (0b01).to_bytes(4, "little")
_CACHE: Final = "__pycache__"


class BadByteCode(Exception):
    """What the compiler sent is not what it should send; the text says how."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``files``: where the byte code of a source belongs, both below the tree; ``source_bytes`` of all of them."""

    files: dict[str, str]
    source_bytes: int


def wanted(code: Path, byte_code: ByteCode) -> Wanted:
    """The Python files of a tree that have no byte code which this Python takes."""
    files, source_bytes = {}, 0
    for folder, folders, names in os.walk(code):
        has_cache = _CACHE in folders
        if not has_cache and _CACHE in names:
            continue
        for name in names:
            source = Path(folder, name)
            if not name.endswith(".py") or not stat.S_ISREG(source.lstat().st_mode):
                continue
            target = Path(folder, _CACHE, f"{name[:-3]}.{byte_code.tag}.pyc")
            if has_cache and _is_taken(target, source, byte_code):
                continue
            files[str(source.relative_to(code))] = str(target.relative_to(code))
            source_bytes += source.lstat().st_size
    return Wanted(files, source_bytes)


def _is_taken(own: Path, source: Path, byte_code: ByteCode) -> bool:
    """Whether Python takes this file for the byte code of ``source``; of one that it checks by a hash, it is left to say so."""
    try:
        with own.open("rb") as file:
            header = file.read(_HEADER)
    except OSError:
        return False
    if len(header) < _HEADER or header[:4] != byte_code.magic:
        return False
    status = source.lstat()
    time_and_size = b"".join(
        (number & 0xFFFFFFFF).to_bytes(4, "little") for number in (int(status.st_mtime), status.st_size)
    )
    return header[4] != 0 or header[8:] == time_and_size


@dataclass(slots=True)
class ByteCodeReader:
    """Reads what a compiler sends. ``complete`` once it has said that this was all."""

    wanted: dict[str, str]
    byte_code: ByteCode
    complete: bool = False
    _left: int = MOST_BYTES
    _missing: dict[str, str] = field(init=False)
    _buffer: bytearray = field(init=False, default_factory=bytearray)

    def __post_init__(self) -> None:
        self._missing = dict(self.wanted)

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Files that are whole with this, as path below the tree and content; raises ``BadByteCode``."""
        self._left -= len(data)
        if self._left < 0:
            raise BadByteCode(f"it sent more than {MOST_BYTES} bytes")
        self._buffer += data
        while len(self._buffer) >= _LENGTHS:
            path_bytes, content_bytes = (int.from_bytes(self._buffer[at : at + 4], "big") for at in (0, 4))
            end = _LENGTHS + path_bytes + content_bytes
            if self.complete or path_bytes > _LONGEST_PATH or end > MOST_BYTES:
                raise BadByteCode("it sent what is no byte code")
            if len(self._buffer) < end:
                return
            path = os.fsdecode(bytes(self._buffer[_LENGTHS : _LENGTHS + path_bytes]))
            content = bytes(self._buffer[_LENGTHS + path_bytes : end])
            del self._buffer[:end]
            if not path:
                self.complete = True
            elif target := self._take(path, content):
                yield target, content

    def _take(self, path: str, content: bytes) -> str | None:
        """Where the content belongs; ``None`` for a file that has its own. Raises ``BadByteCode``."""
        if len(content) < _HEADER or content[:8] != self.byte_code.magic + _UNCHECKED_HASH:
            raise BadByteCode("it sent byte code of another Python")
        return self._missing.pop(path, None)

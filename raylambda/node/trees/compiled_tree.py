"""A tree with byte code: hard links to the files of the code, and what a compiler has sent. It appears by one rename."""

from __future__ import annotations

import os
from pathlib import Path

from raylambda.node.runtimes.interpreters import ByteCode
from raylambda.node.runtimes.python_bytecode import ByteCodeReader, Wanted
from raylambda.node.trees.files import remove_tree


class CompiledTree:
    """``begin``, ``take`` what comes, then ``finish`` or ``discard``; one at a time for a tree. All methods block."""

    def __init__(self, code: Path, target: Path, wanted: Wanted, byte_code: ByteCode) -> None:
        self._code = code
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._reader = ByteCodeReader(wanted.files, byte_code)
        self.files = 0

    @property
    def complete(self) -> bool:
        """Whether the compiler has said that this was all."""
        return self._reader.complete

    def begin(self) -> None:
        """Raises ``OSError``, as all of them."""
        remove_tree(self._part)
        _link_tree(self._code, self._part)

    def take(self, data: bytes) -> None:
        """Raises ``BadByteCode`` as well."""
        for path, content in self._reader.feed(data):
            _write(self._part / path, content)
            self.files += 1

    def finish(self) -> None:
        for folder, _, _ in os.walk(self._part):
            Path(folder).chmod(0o555)
        self._part.rename(self._target)

    def discard(self) -> None:
        remove_tree(self._part)


def _link_tree(source: Path, target: Path) -> None:
    target.mkdir(mode=0o755)
    for entry in os.scandir(source):
        place = target / entry.name
        if entry.is_symlink():
            place.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            _link_tree(Path(entry.path), place)
        else:
            place.hardlink_to(entry.path)


def _write(path: Path, content: bytes) -> None:
    """A file of its own: what the package may have there is the package's."""
    path.parent.mkdir(exist_ok=True, mode=0o755)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o444)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o444)
        file.write(content)

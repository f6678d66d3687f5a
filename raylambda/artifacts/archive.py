"""Deployment packages: look at a zip without unpacking it, and unpack it so that nothing lands outside its tree.

A zip is hostile input. ``inspect_zip`` reads only the central directory, so it is cheap; ``unpack_zip`` makes the same checks
and counts the bytes that really come out. What both refuse: names that are absolute, climb (``..``) or hold NUL or a backslash;
entries below a file or below a symbolic link; links that are absolute or climb out of the tree; devices, pipes and sockets;
encrypted entries and methods other than stored and deflated. A name that comes twice as a file is the last one, as for ``unzip``.

A link's target may climb only at its beginning. Its folder is a real folder of the tree (nothing lies below a link), so the
climbing is counted exactly, and every further step starts inside the tree.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from raylambda.model.limits import UNZIPPED_BYTES

MOST_ENTRIES: Final = 100_000
LONGEST_PATH: Final = 2048
LONGEST_PART: Final = 255
CHUNK_BYTES: Final = 1 << 18
_ENTRY_SIGNATURE: Final = b"PK\x01\x02"
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


class ArchiveError(Exception):
    """The package cannot be used; the text says why."""


class BadZip(ArchiveError):
    """Not a zip, a broken one, or one that holds what no package may hold."""


class ZipTooLarge(ArchiveError):
    """Unpacked, it has 262,144,000 bytes or more."""


@dataclass(frozen=True, slots=True)
class ZipFacts:
    """``unzipped_bytes`` of all files together, and how many ``entries`` (folders included) the package has."""

    unzipped_bytes: int
    entries: int


@dataclass(slots=True)
class _Plan:
    """What to make, by path in the tree (``a/b/c``); disjoint."""

    files: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)


def inspect_zip(data: bytes) -> ZipFacts:
    """Check a package by its directory; raises ``BadZip`` or ``ZipTooLarge``."""
    with _opened(data) as archive:
        _plan(archive, data)
        return ZipFacts(_declared_bytes(archive), len(archive.infolist()))


def unpack_zip(data: bytes, directory: Path) -> None:
    """Unpack into ``directory``, which must be empty or not exist; raises ``BadZip`` or ``ZipTooLarge``.

    Files become 0444, or 0555 if the package says executable; folders stay writable for their owner (0755). After an error the
    directory holds a part; the caller removes it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _opened(data) as archive:
        plan = _plan(archive, data)
        for folder in sorted(plan.folders):
            (directory / folder).mkdir(mode=0o755)
        budget = UNZIPPED_BYTES
        for path, entry in plan.files.items():
            budget -= _write_file(archive, entry, directory / path, budget)
        for path, target in plan.links.items():
            (directory / path).symlink_to(target)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[zipfile.ZipFile]:
    if data.count(_ENTRY_SIGNATURE) > MOST_ENTRIES:
        raise BadZip(f"the package has more than {MOST_ENTRIES} entries")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield archive
    except _BROKEN as error:
        raise BadZip(f"not a zip file that can be read: {error}") from error


def _declared_bytes(archive: zipfile.ZipFile) -> int:
    total = sum(entry.file_size for entry in archive.infolist())
    if total >= UNZIPPED_BYTES:
        raise ZipTooLarge(f"unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
    return total


def _plan(archive: zipfile.ZipFile, data: bytes) -> _Plan:
    _declared_bytes(archive)
    plan = _Plan()
    for entry in archive.infolist():
        _check_readable(entry, data)
        _place(plan, archive, entry, _tree_path(entry))
    for path in (*plan.files, *plan.links, *list(plan.folders)):
        _add_parents(plan, path)
    for path in plan.folders:
        _require(path not in plan.files and path not in plan.links, path, "is a folder and something else")
    for path in plan.links:
        _require(path not in plan.files, path, "is a link and a file")
    return plan


def _check_readable(entry: zipfile.ZipInfo, data: bytes) -> None:
    name = entry.filename
    _require(not entry.flag_bits & _ENCRYPTED, name, "is encrypted")
    _require(entry.compress_type in _METHODS, name, "is neither stored nor deflated")
    start = entry.header_offset
    _require(start >= 0 and data[start : start + 4] == _LOCAL_SIGNATURE, name, "has no local header")
    _require(start + entry.compress_size <= len(data), name, "is cut off")


def _tree_path(entry: zipfile.ZipInfo) -> str:
    """The entry's name as a path below the tree; empty for the tree itself."""
    name = entry.orig_filename
    _require("\0" not in name and "\\" not in name, name, "holds a character that no path may have")
    _require(not name.startswith("/"), name, "is absolute")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    _require(".." not in parts, name, "climbs out of the tree")
    _require(all(len(os.fsencode(part)) <= LONGEST_PART for part in parts), name, "has too long a part")
    path = "/".join(parts)
    _require(len(os.fsencode(path)) <= LONGEST_PATH, name, "is too long")
    return path


def _place(plan: _Plan, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFDIR or entry.filename.endswith("/"):
        if path:
            plan.folders.add(path)
        return
    _require(bool(path), entry.filename, "has no name")
    if kind == stat.S_IFLNK:
        _require(path not in plan.links, path, "comes twice as a link")
        plan.links[path] = _link_target(archive, entry, path)
    else:
        _require(kind in {0, stat.S_IFREG}, path, "is neither a file, a folder nor a link")
        plan.files[path] = entry


def _link_target(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> str:
    _require(0 < entry.file_size <= LONGEST_PATH, path, "is a link without a usable target")
    target = os.fsdecode(archive.read(entry))
    _require("\0" not in target and not target.startswith("/"), path, "is a link out of the tree")
    parts = [part for part in target.split("/") if part not in {"", "."}]
    climbs = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    _require(climbs <= path.count("/") and ".." not in parts[climbs:], path, "is a link out of the tree")
    return target


def _add_parents(plan: _Plan, path: str) -> None:
    parent = path.rpartition("/")[0]
    while parent and parent not in plan.folders:
        plan.folders.add(parent)
        _require(len(plan.folders) <= MOST_ENTRIES, path, "is one of too many folders")
        parent = parent.rpartition("/")[0]


def _write_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, budget: int) -> int:
    """Write one file and return its size; raises ``ZipTooLarge`` once it has ``budget`` bytes."""
    mode = 0o555 if (entry.external_attr >> 16) & 0o111 else 0o444
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    written = 0
    with os.fdopen(descriptor, "wb") as file, archive.open(entry) as content:
        os.fchmod(descriptor, mode)
        while chunk := content.read(CHUNK_BYTES):
            written += len(chunk)
            if written >= budget:
                raise ZipTooLarge(f"unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
            file.write(chunk)
    _require(written == entry.file_size, entry.filename, "is not as long as it says")
    return written


def _require(holds: bool, name: str, reason: str) -> None:
    if not holds:
        raise BadZip(f"{name[:200]!r} in the package {reason}")

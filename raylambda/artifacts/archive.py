"""Deployment packages: look at a zip without unpacking it, and unpack it so that nothing lands outside its tree.

A zip is hostile input. Both functions count the bytes that really come out of every entry, and refuse one that is not as long
as it says. What else both refuse: names that are absolute, climb (``..``) or hold NUL or a backslash; more folders or entries
than anybody needs; entries below a file or below a symbolic link; links that are absolute or climb out of the tree; devices,
pipes and sockets; encrypted entries and methods other than stored and deflated. A name that comes twice as a file is the last
one, as for ``unzip``. ``inspect_zip`` keeps nothing of what it unpacks, and takes a file without reading it whole.

A link's target may climb only at its beginning. Its folder is a real folder of the tree (nothing lies below a link), so the
climbing is counted exactly, and every further step starts inside the tree.
"""

from __future__ import annotations

import contextlib
import io
import mmap
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
MOST_FOLDERS_DEEP: Final = 100
LONGEST_PATH: Final = 2048
LONGEST_PART: Final = 255
CHUNK_BYTES: Final = 1 << 18
SCAN_BYTES: Final = 1 << 20
_ENTRY_SIGNATURE: Final = b"PK\x01\x02"
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"
_LOCAL_HEADER_BYTES: Final = 30
_LENGTHS_AT: Final = 26  # of name and extra field, in the local header
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


class ZipTooComplex(BadZip):
    """More entries, or deeper folders, than a package may have."""


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


def inspect_zip(package: bytes | Path) -> ZipFacts:
    """Check a package, given by its bytes or as a file; raises ``BadZip`` or ``ZipTooLarge``, and ``OSError`` for the file."""
    with _opened(package) as (archive, data):
        _plan(archive, data)
        for entry in archive.infolist():
            archive.open(entry).close()  # the reader that unpacks compares both headers of an entry
            _check_content(entry, data)
        return ZipFacts(_declared_bytes(archive), len(archive.infolist()))


def unpack_zip(data: bytes, directory: Path) -> None:
    """Unpack into ``directory``, which must be empty or not exist; raises ``BadZip`` or ``ZipTooLarge``.

    Files become 0444, or 0555 if the package says executable; folders stay writable for their owner (0755). After an error the
    directory holds a part; the caller removes it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _opened(data) as (archive, _):
        plan = _plan(archive, data)
        for folder in sorted(plan.folders):
            (directory / folder).mkdir(mode=0o755)
        budget = UNZIPPED_BYTES
        for path, entry in plan.files.items():
            budget -= _write_file(archive, entry, directory / path, budget)
        for path, target in plan.links.items():
            (directory / path).symlink_to(target)


@contextlib.contextmanager
def _opened(package: bytes | Path) -> Iterator[tuple[zipfile.ZipFile, bytes | mmap.mmap]]:
    """The directory of a package, and its bytes to slice; turns whatever a reader of zips raises into ``BadZip``."""
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(package, Path):
                file: io.BufferedIOBase = stack.enter_context(package.open("rb"))
                data: bytes | mmap.mmap = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            else:
                file, data = io.BytesIO(package), package
            if _possible_entries(data) > MOST_ENTRIES:
                raise ZipTooComplex(f"the package has too many entries: more than {MOST_ENTRIES}")
            yield stack.enter_context(zipfile.ZipFile(file)), data
        except _BROKEN as error:
            raise BadZip(f"not a zip file that can be read: {error}") from error


def _possible_entries(data: bytes | mmap.mmap) -> int:
    """How many entries the directory has at most, whatever it says of itself: all that looks like one, wherever it is.

    It looks at a slice at a time, because other threads stand still while one searches.
    """
    overlap = len(_ENTRY_SIGNATURE) - 1
    starts = range(0, len(data), SCAN_BYTES)
    return sum(data[start : start + SCAN_BYTES + overlap].count(_ENTRY_SIGNATURE) for start in starts)


def _declared_bytes(archive: zipfile.ZipFile) -> int:
    total = sum(entry.file_size for entry in archive.infolist())
    if total >= UNZIPPED_BYTES:
        raise ZipTooLarge(f"unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
    return total


def _plan(archive: zipfile.ZipFile, data: bytes | mmap.mmap) -> _Plan:
    _declared_bytes(archive)
    plan = _Plan()
    for entry in archive.infolist():
        _check_readable(entry, data)
        _place(plan, archive, entry, _tree_path(entry))
    for path in (*plan.files, *plan.links, *list(plan.folders)):
        _add_parents(plan, path)
    for path in plan.folders:
        if path.count("/") >= MOST_FOLDERS_DEEP:
            raise ZipTooComplex(f"{path[:80]!r}... in the package is more than {MOST_FOLDERS_DEEP} folders deep")
        _require(path not in plan.files and path not in plan.links, path, "is a folder and something else")
    for path in plan.links:
        _require(path not in plan.files, path, "is a link and a file")
    return plan


def _check_readable(entry: zipfile.ZipInfo, data: bytes | mmap.mmap) -> None:
    name = entry.filename
    _require(not entry.flag_bits & _ENCRYPTED, name, "is encrypted")
    _require(entry.compress_type in _METHODS, name, "is neither stored nor deflated")
    start = entry.header_offset
    _require(start >= 0 and data[start : start + 4] == _LOCAL_SIGNATURE, name, "has no local header")
    _require(start + _LOCAL_HEADER_BYTES + entry.compress_size <= len(data), name, "is cut off")


def _check_content(entry: zipfile.ZipInfo, data: bytes | mmap.mmap) -> None:
    """What comes out of the entry has the length and the checksum that the directory says."""
    size = checksum = 0
    for piece in _unpacked(entry, data):
        size += len(piece)
        _require(size <= entry.file_size, entry.filename, "is longer than it says")
        checksum = zlib.crc32(piece, checksum)
    _require(size == entry.file_size, entry.filename, "is not as long as it says")
    _require(checksum == entry.CRC, entry.filename, "is damaged")


def _unpacked(entry: zipfile.ZipInfo, data: bytes | mmap.mmap) -> Iterator[bytes]:
    """Everything that comes out of the entry's bytes, in pieces; ``zipfile`` would stop at the length that the directory says."""
    lengths = struct.unpack_from("<HH", data, entry.header_offset + _LENGTHS_AT)
    start = entry.header_offset + _LOCAL_HEADER_BYTES + sum(lengths)
    end = start + entry.compress_size
    _require(end <= len(data), entry.filename, "is cut off")
    packed = (data[at : min(at + CHUNK_BYTES, end)] for at in range(start, end, CHUNK_BYTES))
    if entry.compress_type == zipfile.ZIP_STORED:
        yield from packed
        return
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in packed:
        waiting = piece
        while waiting:
            _require(not inflating.eof, entry.filename, "has more bytes than belong to it")
            yield inflating.decompress(waiting, CHUNK_BYTES)
            waiting = inflating.unconsumed_tail or inflating.unused_data
    yield inflating.flush()
    _require(inflating.eof, entry.filename, "is cut off")


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
        if len(plan.folders) > MOST_ENTRIES:
            raise ZipTooComplex(f"the package has too many folders: more than {MOST_ENTRIES}")
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

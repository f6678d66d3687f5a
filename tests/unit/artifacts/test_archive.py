"""Packages: what is unpacked, and what is refused before anything lands outside its tree."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from raylambda.artifacts import archive
from raylambda.artifacts.archive import (
    CHUNK_BYTES,
    MOST_ENTRIES,
    MOST_FOLDERS_DEEP,
    SCAN_BYTES,
    BadZip,
    ZipTooComplex,
    ZipTooLarge,
    inspect_zip,
    unpack_zip,
)
from raylambda.model.limits import UNZIPPED_BYTES
from tests.unit.artifacts.zip_builder import a_link, a_zip, entry, zip_of

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")

MEGABYTE = 1 << 20


def unpacked(data: bytes, tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    unpack_zip(data, tree)
    return tree


def with_declared_size(data: bytes, size: int) -> bytes:
    """Lie about the unzipped size of the only entry, in both headers."""
    start = data.index(b"PK\x01\x02")
    data = data[: start + 24] + struct.pack("<L", size) + data[start + 28 :]
    return data[:22] + struct.pack("<L", size) + data[26:]


def test_facts_count_bytes_and_entries() -> None:
    data = zip_of(entry("app.py", "x" * 10), entry("lib/", mode=stat.S_IFDIR | 0o755), entry("lib/b.py", "y" * 5))

    facts = inspect_zip(data)

    assert (facts.unzipped_bytes, facts.entries) == (15, 3)


def test_unpacks_files_folders_and_the_executable_bit(tmp_path: Path) -> None:
    data = zip_of(
        entry("bootstrap", "#!/bin/sh\n", stat.S_IFREG | 0o755),
        entry("a/b/c.txt", b"deep"),
        entry("empty/", mode=stat.S_IFDIR | 0o700),
        entry("plain-mode", b"", 0),
    )

    tree = unpacked(data, tmp_path)

    assert (tree / "a/b/c.txt").read_bytes() == b"deep"
    assert (tree / "empty").is_dir()
    assert stat.S_IMODE((tree / "bootstrap").stat().st_mode) == 0o555
    assert stat.S_IMODE((tree / "a/b/c.txt").stat().st_mode) == 0o444
    assert stat.S_IMODE((tree / "plain-mode").stat().st_mode) == 0o444


def test_a_leading_dot_and_doubled_slashes_mean_nothing(tmp_path: Path) -> None:
    tree = unpacked(a_zip({"./a//b/./c": "x"}), tmp_path)

    assert (tree / "a/b/c").read_text() == "x"


def test_the_last_of_two_files_of_one_name_wins(tmp_path: Path) -> None:
    tree = unpacked(zip_of(entry("app.py", "old"), entry("app.py", "new")), tmp_path)

    assert (tree / "app.py").read_text() == "new"


def test_links_inside_the_tree_are_kept(tmp_path: Path) -> None:
    data = zip_of(
        entry("pkg/bin.js", "run"), a_link("node_modules/.bin/run", "../../pkg/bin.js"), a_link("here", "pkg")
    )

    tree = unpacked(data, tmp_path)

    assert (tree / "node_modules/.bin/run").read_text() == "run"
    assert (tree / "here/bin.js").read_text() == "run"


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up", "a/../../up", "a/..", "back\\slash", "..\\up", "n\0ul", "x" * 256, "d/" * 1100 + "f", "."],
)
def test_refuses_names(name: str, tmp_path: Path) -> None:
    data = zip_of(entry(name, "x"))

    with pytest.raises(BadZip):
        inspect_zip(data)
    with pytest.raises(BadZip):
        unpack_zip(data, tmp_path / "tree")
    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("out", "/etc"),
        ("out", ".."),
        ("a/out", "../../x"),
        ("out", "a/../../x"),
        ("dot/out", "x/../y"),
        ("out", ""),
        ("out", "n\0ul"),
        ("out", "x" * 3000),
    ],
)
def test_refuses_links_that_leave_the_tree(name: str, target: str) -> None:
    with pytest.raises(BadZip):
        inspect_zip(zip_of(a_link(name, target)))


@pytest.mark.parametrize(
    "entries",
    [
        (a_link("lib", "other"), entry("lib/x.py", "x")),
        (entry("lib/x.py", "x"), a_link("lib", "other")),
        (entry("lib", "x"), entry("lib/x.py", "x")),
        (entry("lib", "x"), entry("lib/", mode=stat.S_IFDIR | 0o755)),
        (entry("lib", "x"), a_link("lib", "other")),
        (a_link("lib", "one"), a_link("lib", "two")),
        (a_link("lib", "other"), a_link("lib/deeper", "x")),
    ],
)
def test_refuses_entries_below_or_in_place_of_another_kind(entries: tuple[tuple[zipfile.ZipInfo, bytes], ...]) -> None:
    with pytest.raises(BadZip):
        inspect_zip(zip_of(*entries))


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_refuses_devices(kind: int) -> None:
    with pytest.raises(BadZip):
        inspect_zip(zip_of(entry("node", b"", kind | 0o666)))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_other_methods(method: int) -> None:
    with pytest.raises(BadZip, match="stored nor deflated"):
        inspect_zip(a_zip({"a": "x"}, method=method))


def test_refuses_encrypted_entries() -> None:
    data = bytearray(a_zip({"a": "x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(BadZip, match="encrypted"):
        inspect_zip(bytes(data))


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", a_zip({"a": "x" * 1000})[:-30], a_zip({"a": "x"})[8:]])
def test_refuses_what_is_not_a_whole_zip(data: bytes) -> None:
    with pytest.raises(BadZip):
        inspect_zip(data)


def test_refuses_too_many_entries() -> None:
    with pytest.raises(ZipTooComplex, match="too many entries"):
        inspect_zip(a_zip({"a": "x"}) + b"PK\x01\x02" * MOST_ENTRIES)


@pytest.mark.parametrize("slice_bytes", [1, 3, 4, 5, 46, 1000])
@pytest.mark.parametrize("entries", [9, 10, 11])
def test_entries_are_counted_across_the_borders_of_what_is_looked_at_together(
    monkeypatch: pytest.MonkeyPatch, slice_bytes: int, entries: int
) -> None:
    monkeypatch.setattr(archive, "SCAN_BYTES", slice_bytes)
    monkeypatch.setattr(archive, "MOST_ENTRIES", 10)
    data = zip_of(*(entry(f"f{number}", "x") for number in range(entries)))

    if entries > 10:
        with pytest.raises(ZipTooComplex, match="too many entries: more than 10"):
            inspect_zip(data)
    else:
        assert inspect_zip(data).entries == entries


def test_a_package_is_searched_a_slice_at_a_time_so_that_other_threads_go_on() -> None:
    looked_at: list[int] = []

    class Watched(bytes):
        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            looked_at.append(len(found))
            return found

    inspect_zip(Watched(a_zip({"data": bytes(3 * SCAN_BYTES)}, method=zipfile.ZIP_STORED)))

    assert SCAN_BYTES < max(looked_at) < SCAN_BYTES + 4
    assert sum(size > CHUNK_BYTES for size in looked_at) >= 3, "all of it was looked at"


def test_refuses_too_many_folders() -> None:
    names = (f"{index}/" + "d/" * 90 + "f" for index in range(1200))

    with pytest.raises(ZipTooComplex, match="too many folders"):
        inspect_zip(zip_of(*(entry(name) for name in names)))


@pytest.mark.parametrize("deep", [MOST_FOLDERS_DEEP, MOST_FOLDERS_DEEP + 1])
@pytest.mark.parametrize("last", ["f", ""])
def test_a_hundred_folders_in_one_another_are_the_most(deep: int, last: str, tmp_path: Path) -> None:
    data = zip_of(entry("d/" * deep + last))

    if deep <= MOST_FOLDERS_DEEP:
        assert (unpacked(data, tmp_path) / ("d/" * deep + last)).exists()
        assert inspect_zip(data).entries == 1
    else:
        for refuse in (lambda: inspect_zip(data), lambda: unpacked(data, tmp_path)):
            with pytest.raises(ZipTooComplex, match="more than 100 folders deep"):
                refuse()


def test_a_package_in_a_file_is_looked_at_as_its_bytes_are(tmp_path: Path) -> None:
    data = a_zip({"app.py": "x" * 10, "lib/b.py": b"y" * MEGABYTE})
    (tmp_path / "whole.zip").write_bytes(data)
    (tmp_path / "cut.zip").write_bytes(data[:-30])
    (tmp_path / "empty.zip").touch()

    assert inspect_zip(tmp_path / "whole.zip") == inspect_zip(data)
    for name in ("cut.zip", "empty.zip"):
        with pytest.raises(BadZip):
            inspect_zip(tmp_path / name)


@pytest.mark.parametrize(("size", "fits"), [(UNZIPPED_BYTES - 1, True), (UNZIPPED_BYTES, False)])
def test_the_limit_is_250_mib_and_the_limit_itself_is_too_much(size: int, fits: bool) -> None:
    data = a_zip({"a": bytes(size)})

    if fits:
        assert inspect_zip(data).unzipped_bytes == size
    else:
        with pytest.raises(ZipTooLarge):
            inspect_zip(data)


def test_an_honest_bomb_is_refused_by_its_directory() -> None:
    data = a_zip({f"f{index}": b"\0" * (64 * MEGABYTE) for index in range(4)})

    with pytest.raises(ZipTooLarge):
        inspect_zip(data)


def test_a_file_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    data = with_declared_size(a_zip({"a": b"\0" * (2 * MEGABYTE)}), 10)

    with pytest.raises(BadZip, match="longer than it says"):
        inspect_zip(data)
    with pytest.raises(BadZip):
        unpack_zip(data, tmp_path / "tree")
    assert (tmp_path / "tree/a").stat().st_size <= 10


def test_a_file_whose_checksum_is_that_of_the_part_it_admits_is_refused() -> None:
    whole, part = a_zip({"a": b"\0" * MEGABYTE}), a_zip({"a": b"\0" * 10})
    data = bytearray(with_declared_size(whole, 10))
    start, start_of_part = data.index(b"PK\x01\x02"), part.index(b"PK\x01\x02")
    data[start + 16 : start + 20] = part[start_of_part + 16 : start_of_part + 20]
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        assert archive.read("a") == b"\0" * 10  # for Python's own reader there is nothing wrong

    with pytest.raises(BadZip, match="longer than it says"):
        inspect_zip(bytes(data))


def test_a_file_that_is_smaller_than_it_says_is_refused(tmp_path: Path) -> None:
    data = with_declared_size(a_zip({"a": b"abc"}), 1000)

    with pytest.raises(BadZip, match="not as long as it says"):
        inspect_zip(data)
    with pytest.raises(BadZip):
        unpack_zip(data, tmp_path / "tree")


def test_bytes_behind_the_end_of_a_compressed_file_are_refused() -> None:
    data = a_zip({"a": b"abc" * 100, "b": b"x"})
    start, size = data.index(b"PK\x01\x02"), struct.unpack_from("<L", data, data.index(b"PK\x01\x02") + 20)[0]

    with pytest.raises(BadZip, match="more bytes than belong to it"):
        inspect_zip(data[: start + 20] + struct.pack("<L", size + 5) + data[start + 24 :])


def test_broken_content_is_refused(tmp_path: Path) -> None:
    data = bytearray(a_zip({"a": bytes(range(256)) * 20}, method=zipfile.ZIP_STORED))
    data[200] ^= 0xFF

    with pytest.raises(BadZip, match="damaged"):
        inspect_zip(bytes(data))
    with pytest.raises(BadZip):
        unpack_zip(bytes(data), tmp_path / "tree")


def test_writes_nothing_through_what_is_already_there(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").symlink_to(tmp_path / "victim")

    with pytest.raises(OSError, match="exists"):
        unpack_zip(a_zip({"a": "x"}), tree)
    assert not (tmp_path / "victim").exists()

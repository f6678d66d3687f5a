"""Packages: what is unpacked, and what is refused before anything lands outside its tree."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from raylambda.artifacts.archive import MOST_ENTRIES, BadZip, ZipTooLarge, inspect_zip, unpack_zip
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
    with pytest.raises(BadZip, match="entries"):
        inspect_zip(a_zip({"a": "x"}) + b"PK\x01\x02" * MOST_ENTRIES)


def test_refuses_too_many_folders() -> None:
    names = (f"{index}/" + "d/" * 1000 + "f" for index in range(120))

    with pytest.raises(BadZip, match="too many folders"):
        inspect_zip(zip_of(*(entry(name) for name in names)))


@pytest.mark.parametrize(("size", "fits"), [(262_143_999, True), (262_144_000, False)])
def test_the_limit_is_250_mib_and_the_limit_itself_is_too_much(size: int, fits: bool) -> None:
    data = with_declared_size(a_zip({"a": b"\0" * 100}), size)

    if fits:
        assert inspect_zip(data).unzipped_bytes == size
    else:
        with pytest.raises(ZipTooLarge):
            inspect_zip(data)


def test_an_honest_bomb_is_refused_by_its_directory() -> None:
    data = a_zip({f"f{index}": b"\0" * (64 * MEGABYTE) for index in range(4)})

    with pytest.raises(ZipTooLarge):
        inspect_zip(data)


def test_a_file_that_is_larger_than_it_says_is_refused_while_unpacking(tmp_path: Path) -> None:
    data = with_declared_size(a_zip({"a": b"\0" * (2 * MEGABYTE)}), 10)

    assert inspect_zip(data).unzipped_bytes == 10
    with pytest.raises(BadZip):
        unpack_zip(data, tmp_path / "tree")
    assert (tmp_path / "tree/a").stat().st_size <= 10


def test_a_file_that_is_smaller_than_it_says_is_refused_while_unpacking(tmp_path: Path) -> None:
    with pytest.raises(BadZip):
        unpack_zip(with_declared_size(a_zip({"a": b"abc"}), 1000), tmp_path / "tree")


def test_broken_content_is_refused_while_unpacking(tmp_path: Path) -> None:
    data = bytearray(a_zip({"a": bytes(range(256)) * 20}, method=zipfile.ZIP_STORED))
    data[200] ^= 0xFF

    with pytest.raises(BadZip):
        unpack_zip(bytes(data), tmp_path / "tree")


def test_writes_nothing_through_what_is_already_there(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").symlink_to(tmp_path / "victim")

    with pytest.raises(OSError, match="exists"):
        unpack_zip(a_zip({"a": "x"}), tree)
    assert not (tmp_path / "victim").exists()

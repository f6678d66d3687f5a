"""Whatever bytes come as a package: unpacked inside the tree, or refused by a named error."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raylambda.artifacts.archive import ArchiveError, inspect_zip, unpack_zip

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")

parts = st.sampled_from(["a", "b", "c", "..", ".", "", "lib", "\0", "\\", "é"])
names = st.lists(parts, min_size=1, max_size=5).map("/".join)
kinds = st.sampled_from([0, stat.S_IFREG | 0o644, stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755])
entries = st.lists(st.tuples(names, kinds, st.one_of(names.map(str.encode), st.binary(max_size=40))), max_size=8)


def zip_of(rows: list[tuple[str, int, bytes]]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, mode, content in rows:
            info = zipfile.ZipInfo("placeholder")
            info.filename, info.external_attr = name, mode << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def unpack_accepted(data: bytes, tree: Path) -> None:
    """What was accepted can be unpacked."""
    try:
        unpack_zip(data, tree)
    except ArchiveError as error:
        raise AssertionError(f"accepted, and then: {error}") from error


def goes_in_circles(link: Path) -> bool:
    """A link through itself leads nowhere."""
    try:
        link.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def check_contained(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outside, tree = Path(folder), Path(folder) / "tree"
        with contextlib.suppress(ArchiveError):
            inspect_zip(data)
            unpack_accepted(data, tree)
        assert {path.name for path in outside.iterdir()} <= {"tree"}
        links = [path for path in tree.rglob("*") if path.is_symlink() and not goes_in_circles(path)]
        assert all(os.path.realpath(path).startswith(os.path.realpath(tree)) for path in links)


@given(entries)
@settings(max_examples=300, deadline=None)
def test_any_entries_stay_inside_the_tree(rows: list[tuple[str, int, bytes]]) -> None:
    check_contained(zip_of(rows))


@given(entries, st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_damage_is_contained(rows: list[tuple[str, int, bytes]], damage: list[tuple[int, int]]) -> None:
    data = bytearray(zip_of(rows))
    for position, value in damage:
        data[position % len(data)] = value

    check_contained(bytes(data))


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_refused_or_unpacked(data: bytes) -> None:
    check_contained(data)

"""Which files want byte code, and what is taken of what a compiler sends."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import py_compile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.node.runtimes import python_bytecode
from raylambda.node.runtimes.interpreters import base_interpreter
from raylambda.node.runtimes.python_bytecode import BadByteCode, ByteCodeReader, wanted

BYTE_CODE = base_interpreter().byte_code
assert BYTE_CODE is not None
TAG = BYTE_CODE.tag
HEAD = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + bytes(8)
WANTED = {"a.py": f"__pycache__/a.{TAG}.pyc", "p/b.py": f"p/__pycache__/b.{TAG}.pyc"}


def a_frame(path: bytes, content: bytes) -> bytes:
    return len(path).to_bytes(4, "big") + len(content).to_bytes(4, "big") + path + content


END = a_frame(b"", b"")


def read(data: bytes) -> list[tuple[str, bytes]]:
    return list(ByteCodeReader(WANTED, BYTE_CODE).feed(data))


def test_python_files_without_byte_code_want_it(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for name, text in {"a.py": "x = 1", "p/b.py": "y", "data.txt": "x", "p/c.pyc": "sourceless"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "link.py").symlink_to("a.py")

    found = wanted(tmp_path, BYTE_CODE)

    assert found.files == WANTED
    assert found.source_bytes == len("x = 1") + len("y")


@pytest.mark.parametrize(
    "mode", [py_compile.PycInvalidationMode.UNCHECKED_HASH, py_compile.PycInvalidationMode.CHECKED_HASH]
)
def test_a_file_keeps_what_it_brings(tmp_path: Path, mode: py_compile.PycInvalidationMode) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    py_compile.compile(str(tmp_path / "a.py"), invalidation_mode=mode)

    assert wanted(tmp_path, BYTE_CODE).files == {}


def test_byte_code_by_time_is_kept_while_python_takes_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    py_compile.compile(str(tmp_path / "a.py"), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    before = wanted(tmp_path, BYTE_CODE).files

    os.utime(tmp_path / "a.py", (1, 1))  # as by unpacking on another machine

    assert before == {}
    assert set(wanted(tmp_path, BYTE_CODE).files) == {"a.py"}


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 16])
def test_byte_code_of_another_python_does_not_count(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / WANTED["a.py"]).write_bytes(content)

    assert set(wanted(tmp_path, BYTE_CODE).files) == {"a.py"}


def test_a_file_in_the_place_of_the_folder_means_no_byte_code(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "__pycache__").write_text("a file")

    assert wanted(tmp_path, BYTE_CODE).files == {}


def test_wanted_files_are_taken_once_and_to_their_places() -> None:
    data = a_frame(b"a.py", HEAD + b"1") + a_frame(b"a.py", HEAD + b"2") + a_frame(b"p/b.py", HEAD + b"3") + END

    assert read(data) == [(WANTED["a.py"], HEAD + b"1"), (WANTED["p/b.py"], HEAD + b"3")]


@pytest.mark.parametrize(
    "path", [b"../../etc/passwd", b"/etc/passwd", b"unknown.py", b"a.py\0", b"p/__pycache__/b.py", b"\xff"]
)
def test_other_names_are_not_taken(path: bytes) -> None:
    assert read(a_frame(path, HEAD) + END) == []


@pytest.mark.parametrize(
    "data",
    [
        a_frame(b"a.py", b"short"),
        a_frame(b"a.py", b"\0" * 32),
        a_frame(b"a.py", importlib.util.MAGIC_NUMBER + bytes(12)),
        a_frame(b"x" * 5000, HEAD),
        b"\xff" * 8,
        END + END,
    ],
    ids=["short", "another magic", "checked by time", "long name", "huge", "after the end"],
)
def test_what_is_no_byte_code_is_refused(data: bytes) -> None:
    with pytest.raises(BadByteCode):
        read(data)


def test_there_is_an_end_to_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_bytecode, "MOST_BYTES", 100)
    reader = ByteCodeReader(WANTED, BYTE_CODE, _left=100)
    assert list(reader.feed(a_frame(b"a.py", HEAD))) != []

    with pytest.raises(BadByteCode, match="more than 100 bytes"):
        list(reader.feed(bytes(73)))


@given(cuts=st.lists(st.integers(0, 200), max_size=5))
def test_it_does_not_matter_how_the_stream_is_cut(cuts: list[int]) -> None:
    data = a_frame(b"a.py", HEAD + b"1" * 50) + a_frame(b"p/b.py", HEAD) + END
    places = [0, *sorted(cuts), len(data)]
    reader = ByteCodeReader(WANTED, BYTE_CODE)

    taken = [file for start, end in itertools.pairwise(places) for file in reader.feed(data[start:end])]

    assert taken == read(data)
    assert reader.complete


@given(data=st.binary(max_size=300))
def test_nothing_unwanted_comes_out_of_any_stream(data: bytes) -> None:
    reader = ByteCodeReader(WANTED, BYTE_CODE)
    taken = []
    with contextlib.suppress(BadByteCode):
        for file in reader.feed(a_frame(b"a.py", HEAD) + data):
            taken.append(file)

    assert taken[0] == (WANTED["a.py"], HEAD)
    assert all(target in WANTED.values() for target, _ in taken)

"""Removal of trees: by use, by what they really take, and of what killed processes left."""

from __future__ import annotations

import os
from pathlib import Path

from raylambda.node.trees.collection import collect
from raylambda.node.trees.files import SHARED, disk_bytes, lock, remove_tree

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
BLOCK = 4096


def a_tree(root: Path, sha256: str, blocks: int, used: float) -> None:
    code = root / sha256 / "code"
    code.mkdir(parents=True)
    (code / "data").write_bytes(os.urandom(blocks * BLOCK))
    (root / f"{sha256}.lock").touch()
    os.utime(root / f"{sha256}.lock", (used, used))


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def test_those_used_longest_ago_go_with_their_locks(tmp_path: Path) -> None:
    a_tree(tmp_path, A, 100, used=2)
    a_tree(tmp_path, B, 100, used=1)
    a_tree(tmp_path, C, 100, used=3)

    gone = collect(tmp_path, 2 * disk_bytes(tmp_path / A))

    assert gone == [B]
    assert names(tmp_path) == {A, f"{A}.lock", C, f"{C}.lock"}


def test_within_the_limit_everything_stays(tmp_path: Path) -> None:
    a_tree(tmp_path, A, 10, used=1)

    assert collect(tmp_path, disk_bytes(tmp_path)) == []


def test_another_is_taken_where_the_oldest_is_held(tmp_path: Path) -> None:
    a_tree(tmp_path, A, 100, used=1)
    a_tree(tmp_path, B, 100, used=2)
    held = lock(tmp_path / f"{A}.lock", SHARED)

    gone = collect(tmp_path, disk_bytes(tmp_path / A))
    os.close(held)

    assert gone == [B]
    assert (tmp_path / A / "code/data").is_file()


def test_what_killed_processes_left_goes(tmp_path: Path) -> None:
    (tmp_path / f"{A}.part/code").mkdir(parents=True, mode=0o555)
    (tmp_path / f"{B}.lock").touch()
    (tmp_path / "compiling.lock").touch()

    collect(tmp_path, 1 << 30)

    assert names(tmp_path) == {"compiling.lock"}


def test_what_is_being_made_stays(tmp_path: Path) -> None:
    (tmp_path / f"{A}.part").mkdir()
    held = lock(tmp_path / f"{A}.lock", SHARED)

    collect(tmp_path, 0)
    os.close(held)

    assert names(tmp_path) == {f"{A}.part", f"{A}.lock"}


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    a_tree(tmp_path, A, 100, used=1)
    alone = disk_bytes(tmp_path / A)
    (tmp_path / A / "compiled").mkdir()
    empty = disk_bytes(tmp_path / A) - alone

    (tmp_path / A / "compiled/data").hardlink_to(tmp_path / A / "code/data")

    assert disk_bytes(tmp_path / A) == alone + empty


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(tmp_path: Path) -> None:
    first = lock(tmp_path / "lock", SHARED)
    (tmp_path / "lock").unlink()

    second = lock(tmp_path / "lock", SHARED)

    assert os.fstat(second).st_ino == (tmp_path / "lock").stat().st_ino
    os.close(first)
    os.close(second)


def test_read_only_folders_are_removed_and_what_they_link_to_is_not(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "tree/inner").mkdir(parents=True)
    (tmp_path / "tree/inner/link").symlink_to(tmp_path / "kept")
    (tmp_path / "tree/inner").chmod(0o555)

    remove_tree(tmp_path / "tree")

    assert names(tmp_path) == {"kept"}

"""The local code store on a file system that is hostile, damaged or full."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from raylambda.store.codestore import CodeCorrupted, CodeMissing, LocalCodeStore
from raylambda.store.errors import StoreUnavailable


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_packages_are_private(tmp_path: Path) -> None:
    root = tmp_path / "home" / "code"
    LocalCodeStore(root).put(b"data")

    [package] = files(root)
    assert stat.S_IMODE(package.stat().st_mode) == 0o600
    assert stat.S_IMODE(root.stat().st_mode) == stat.S_IMODE(package.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"dat", b"dato", b"data and more"])
def test_a_damaged_package_is_noticed_and_mended_by_putting_it_again(tmp_path: Path, damage: bytes) -> None:
    store = LocalCodeStore(tmp_path)
    sha256 = store.put(b"data")
    [package] = files(tmp_path)
    package.write_bytes(damage)

    with pytest.raises(CodeCorrupted, match=sha256):
        store.get(sha256)
    with pytest.raises(CodeCorrupted, match=sha256):
        store.open(sha256)
    assert issubclass(CodeCorrupted, CodeMissing)

    store.put(b"data")
    assert store.get(sha256) == b"data"


def test_a_root_that_is_a_file_gives_a_clear_error(tmp_path: Path) -> None:
    root = tmp_path / "code"
    root.write_text("in the way")

    with pytest.raises(StoreUnavailable, match=rf"code store {root} does not work"):
        LocalCodeStore(root).put(b"data")


def test_a_directory_that_cannot_be_written_gives_a_clear_error() -> None:
    # /proc refuses root too.
    with pytest.raises(StoreUnavailable, match="code store /proc/code does not work"):
        LocalCodeStore(Path("/proc/code")).put(b"data")


def test_a_full_disk_gives_a_clear_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # A limit on file sizes stops the write half-way, as a full disk does; in a process of its own, as it cannot be undone.
    program = f"""
import resource, signal
from pathlib import Path
from raylambda.store.codestore import LocalCodeStore
from raylambda.store.errors import StoreUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    LocalCodeStore(Path({str(tmp_path)!r})).put(b"x" * 100_000)
except StoreUnavailable as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert os.strerror(errno.EFBIG) in result.stdout
    assert files(tmp_path) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_damaged_package_is_mended_by_adopting_it_again(tmp_path: Path) -> None:
    store = LocalCodeStore(tmp_path / "code")
    sha256 = store.put(b"data")
    files(tmp_path)[0].write_bytes(b"dato")
    (tmp_path / "upload").write_bytes(b"data")

    store.adopt(tmp_path / "upload", sha256)

    assert store.get(sha256) == b"data"


def links_fail(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "hardlink_to", refuse)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_that_cannot_get_another_name_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    links_fail(monkeypatch, number)
    store = LocalCodeStore(tmp_path / "code")
    (tmp_path / "upload").write_bytes(b"data")

    store.adopt(tmp_path / "upload", hashlib.sha256(b"data").hexdigest())

    assert store.get(hashlib.sha256(b"data").hexdigest()) == b"data"


def test_a_copy_is_made_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links_fail(monkeypatch, errno.EXDEV)
    pieces: list[int] = []
    copy = shutil.copyfileobj

    class Watched(io.BytesIO):
        def write(self, data: Any, /) -> int:
            pieces.append(len(data))
            return super().write(data)

    def watched_copy(source: BinaryIO, target: BinaryIO, length: int) -> None:
        copied = Watched()
        copy(source, copied, length)
        target.write(copied.getvalue())

    monkeypatch.setattr(shutil, "copyfileobj", watched_copy)
    store, data = LocalCodeStore(tmp_path / "code"), bytes(5 << 20)
    (tmp_path / "upload").write_bytes(data)

    store.adopt(tmp_path / "upload", hashlib.sha256(data).hexdigest())

    assert sum(pieces) == len(data)
    assert max(pieces) <= 1 << 20


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_where_a_copy_is_no_help_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    links_fail(monkeypatch, number)
    (tmp_path / "upload").write_bytes(b"data")

    with pytest.raises(StoreUnavailable, match=os.strerror(number)):
        LocalCodeStore(tmp_path / "code").adopt(tmp_path / "upload", hashlib.sha256(b"data").hexdigest())

    assert files(tmp_path / "code") == []


def test_what_a_killed_process_left_is_no_package_and_is_removed(tmp_path: Path) -> None:
    store = LocalCodeStore(tmp_path)
    sha256 = store.put(b"data")
    left = tmp_path / sha256[:2] / ".incoming-killed"
    left.mkdir()
    (left / sha256).write_bytes(b"da")

    assert list(store.digests()) == [sha256]
    store.tidy()

    assert not left.exists()
    assert store.get(sha256) == b"data"

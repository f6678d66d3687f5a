"""Uploads: whole or not at all, of one account, for a while."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from raylambda.store.errors import StoreUnavailable
from raylambda.store.uploads import KEEP_S, OtherBytes, Uploads
from raylambda.testing.clock import ManualClock

ACCOUNT, OTHER = "123456789012", "210987654321"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def uploads(tmp_path: Path, clock: ManualClock) -> Uploads:
    return Uploads(tmp_path / "uploads", clock, most_bytes=100)


def send(uploads: Uploads, data: bytes, account: str = ACCOUNT, announced: bytes | None = None) -> str:
    sha256 = hashlib.sha256(data if announced is None else announced).hexdigest()
    with uploads.incoming(account, sha256) as upload:
        upload.write(data[:3])
        upload.write(data[3:])
        upload.finish(sha256)
    return sha256


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_upload_is_found_by_its_account_alone(uploads: Uploads, tmp_path: Path) -> None:
    sha256 = send(uploads, b"package")

    found = uploads.find(ACCOUNT, sha256)

    assert found is not None and found.read_bytes() == b"package"
    assert uploads.find(OTHER, sha256) is None
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (found.parent, found.parent.parent)} == {0o700}


def test_the_same_again_is_one_upload(uploads: Uploads, tmp_path: Path) -> None:
    assert send(uploads, b"package") == send(uploads, b"package")

    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("announced", [b"other", b"package and more"])
def test_other_bytes_than_were_announced_leave_nothing(uploads: Uploads, tmp_path: Path, announced: bytes) -> None:
    with pytest.raises(OtherBytes, match=hashlib.sha256(announced).hexdigest()):
        send(uploads, b"package", announced=announced)

    assert files(tmp_path) == []


def test_an_upload_that_is_cut_leaves_nothing_and_an_older_one_as_it_was(uploads: Uploads, tmp_path: Path) -> None:
    sha256 = send(uploads, b"package")

    with pytest.raises(EOFError), uploads.incoming(ACCOUNT, sha256) as upload:
        upload.write(b"pack")
        raise EOFError

    assert [path.read_bytes() for path in files(tmp_path)] == [b"package"]


def test_an_upload_is_not_there_before_it_is_whole(uploads: Uploads) -> None:
    sha256 = hashlib.sha256(b"package").hexdigest()

    with uploads.incoming(ACCOUNT, sha256) as upload:
        upload.write(b"package")
        assert uploads.find(ACCOUNT, sha256) is None
        uploads.expire()
        upload.finish(sha256)

    assert uploads.find(ACCOUNT, sha256) is not None


def test_what_is_not_asked_for_expires(uploads: Uploads, clock: ManualClock, tmp_path: Path) -> None:
    asked_for, forgotten = send(uploads, b"one"), send(uploads, b"two")

    clock.advance(KEEP_S - 1)
    assert uploads.find(ACCOUNT, asked_for) is not None
    clock.advance(KEEP_S - 1)
    assert uploads.find(ACCOUNT, forgotten) is None
    uploads.expire()

    assert [path.name for path in files(tmp_path)] == [asked_for]
    assert uploads.find(ACCOUNT, asked_for) is not None


def test_the_newest_of_an_account_stay_as_far_as_they_fit(uploads: Uploads, clock: ManualClock) -> None:
    kept_of_other = send(uploads, b"o" * 90, OTHER)
    sent = []
    for letter in b"abc":
        sent.append(send(uploads, bytes([letter]) * 45))
        clock.advance(1)

    assert [uploads.find(ACCOUNT, sha256) is not None for sha256 in sent] == [False, True, True]
    assert uploads.find(OTHER, kept_of_other) is not None


def test_what_a_killed_process_left_is_removed(uploads: Uploads, tmp_path: Path) -> None:
    sha256 = send(uploads, b"package")
    (tmp_path / "uploads" / ACCOUNT / ".incoming-killed").write_bytes(b"pack")

    uploads.tidy()

    assert [path.name for path in files(tmp_path)] == [sha256]


def test_a_folder_that_cannot_be_written_gives_a_clear_error(clock: ManualClock) -> None:
    # /proc refuses root too.
    with pytest.raises(StoreUnavailable, match="uploads cannot be kept in /proc/uploads"):
        send(Uploads(Path("/proc/uploads"), clock), b"package")


def test_a_full_disk_gives_a_clear_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # A limit on file sizes stops the write half-way, as a full disk does; in a process of its own, as it cannot be undone.
    program = f"""
import resource, signal
from pathlib import Path
from raylambda.model.clock import SystemClock
from raylambda.store.errors import StoreUnavailable
from raylambda.store.uploads import Uploads
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with Uploads(Path({str(tmp_path)!r}), SystemClock()).incoming("{ACCOUNT}", "0" * 64) as upload:
        upload.write(b"x" * 100_000)
except StoreUnavailable as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert os.strerror(errno.EFBIG) in result.stdout
    assert files(tmp_path) == []

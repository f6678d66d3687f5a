"""What every code store promises; the fake and the real ones pass the same tests."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from raylambda.store.codestore import CodeMissing, CodeStore, LocalCodeStore
from raylambda.testing.codestore import MemoryCodeStore


@pytest.fixture(params=["local", "memory"])
def code_store(request: pytest.FixtureRequest, tmp_path: Path) -> CodeStore:
    return LocalCodeStore(tmp_path / "code") if request.param == "local" else MemoryCodeStore()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a package", bytes(range(256)) * 4096])
def test_what_is_put_in_comes_out(code_store: CodeStore, data: bytes) -> None:
    sha256 = code_store.put(data)

    assert sha256 == hashlib.sha256(data).hexdigest()
    assert code_store.get(sha256) == data
    with code_store.open(sha256) as opened:
        assert opened.read() == data


def test_an_open_package_can_be_read_to_its_end_when_it_is_removed_meanwhile(code_store: CodeStore) -> None:
    with code_store.open(code_store.put(b"a package")) as opened:
        assert opened.read(2) == b"a "
        code_store.remove(hashlib.sha256(b"a package").hexdigest())

        assert opened.read() == b"package"


def test_putting_twice_is_harmless(code_store: CodeStore) -> None:
    assert code_store.put(b"same") == code_store.put(b"same")
    assert code_store.get(code_store.put(b"same")) == b"same"


def test_a_package_that_is_not_there_is_missing(code_store: CodeStore) -> None:
    code_store.put(b"another")

    with pytest.raises(CodeMissing):
        code_store.get(hashlib.sha256(b"never put").hexdigest())
    with pytest.raises(CodeMissing):
        code_store.open(hashlib.sha256(b"never put").hexdigest())


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "/etc/passwd", "AB" * 32, "ab" * 32 + "\n", "g" * 64])
def test_what_is_no_digest_is_missing(code_store: CodeStore, name: str) -> None:
    with pytest.raises(CodeMissing):
        code_store.get(name)
    with pytest.raises(CodeMissing):
        code_store.open(name)


def test_many_threads_may_put_and_get_the_same_package(code_store: CodeStore) -> None:
    data = b"x" * 100_000
    results: list[bytes] = []

    def put_and_get() -> None:
        results.append(code_store.get(code_store.put(data)))

    threads = [threading.Thread(target=put_and_get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [data] * 8


def test_a_file_is_adopted_as_it_is(code_store: CodeStore, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"sent").hexdigest()
    (tmp_path / "upload").write_bytes(b"sent")

    assert not code_store.holds(sha256)
    for _ in range(2):
        code_store.adopt(tmp_path / "upload", sha256)
    (tmp_path / "upload").unlink()

    assert code_store.holds(sha256)
    assert code_store.get(sha256) == b"sent"


def test_a_file_that_has_gone_cannot_be_adopted_and_leaves_nothing(code_store: CodeStore, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"sent").hexdigest()

    with pytest.raises(CodeMissing, match=f"{sha256} has gone"):
        code_store.adopt(tmp_path / "expired", sha256)

    assert not code_store.holds(sha256)
    assert list(code_store.digests()) == []


def test_all_packages_are_listed_and_removed_ones_are_gone(code_store: CodeStore) -> None:
    one, two = code_store.put(b"one"), code_store.put(b"two")
    assert sorted(code_store.digests()) == sorted([one, two])

    for _ in range(2):
        code_store.remove(one)

    assert list(code_store.digests()) == [two]
    with pytest.raises(CodeMissing):
        code_store.get(one)

"""The data directory: one owner, and secrets that are made once, complete or absent, private."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from raylambda.home import keep_secret


def test_many_makers_agree_on_one_secret(tmp_path: Path) -> None:
    made = iter(range(1000))
    path = tmp_path / "secret"

    with ThreadPoolExecutor(16) as pool:
        seen = set(pool.map(lambda _: keep_secret(path, lambda: f"secret {next(made)}"), range(64)))

    assert len(seen) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> str:
        raise RuntimeError("no entropy")

    with pytest.raises(RuntimeError):
        keep_secret(tmp_path / "secret", fail)

    assert list(tmp_path.iterdir()) == []

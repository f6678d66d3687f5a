"""Secrets of the installation: made once, complete or absent, private."""

from __future__ import annotations

import stat
from pathlib import Path

from raylambda.frontdoor.auth.keys import KeyRing, link_secret, root_key
from raylambda.settings import AccessKey


def test_the_root_key_is_made_once_and_private(tmp_path: Path) -> None:
    home = tmp_path / "home"

    first = root_key(home, "123456789012")
    again = root_key(home, "123456789012")

    assert first == again
    assert first.access_key_id.startswith("AKIA")
    assert len(first.access_key_id) == 20
    assert len(first.secret) == 40
    assert stat.S_IMODE((home / "root_key.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert first.secret not in repr(first)


def test_the_link_secret_is_long_and_stays(tmp_path: Path) -> None:
    assert len(link_secret(tmp_path)) == 32
    assert link_secret(tmp_path) == link_secret(tmp_path)


def test_a_ring_finds_its_keys() -> None:
    key = AccessKey("a", "s", "123456789012")

    assert KeyRing([key]).find("a") is key
    assert KeyRing([key]).find("b") is None

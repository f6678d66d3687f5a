"""Where the commands find a platform: AWS's variables first, then the note in the home."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from raylambda.cli.connection import find_connection
from raylambda.home import HomeUnusable, NoPlatform, PlatformNote, locked, noted, read_note

NOTE = PlatformNote("http://127.0.0.1:8470", "eu-west-1", "AKIDNOTED", "secret", "10.0.0.1:6379", "token")


def test_the_note_of_the_running_platform_is_found(tmp_path: Path) -> None:
    with noted(tmp_path, NOTE):
        found = find_connection({"RAYLAMBDA_HOME": str(tmp_path)})

    assert (found.endpoint, found.region) == (NOTE.endpoint, "eu-west-1")
    assert (found.key.access_key_id, found.key.secret) == ("AKIDNOTED", "secret")


def test_aws_variables_come_first(tmp_path: Path) -> None:
    variables = {
        "RAYLAMBDA_HOME": str(tmp_path),
        "AWS_ENDPOINT_URL_LAMBDA": "http://far:1/",
        "AWS_ACCESS_KEY_ID": "AKIDFAR",
        "AWS_SECRET_ACCESS_KEY": "far",
        "AWS_REGION": "us-west-2",
    }

    found = find_connection(variables)

    assert (found.endpoint, found.region, found.key.access_key_id) == ("http://far:1", "us-west-2", "AKIDFAR")


def test_an_endpoint_without_a_key_takes_the_noted_key(tmp_path: Path) -> None:
    with noted(tmp_path, NOTE):
        found = find_connection({"RAYLAMBDA_HOME": str(tmp_path), "AWS_ENDPOINT_URL_LAMBDA": "http://near:1"})

    assert (found.endpoint, found.key.access_key_id) == ("http://near:1", "AKIDNOTED")


def test_without_a_platform_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoPlatform, match="`raylambda up` starts one"):
        find_connection({"RAYLAMBDA_HOME": str(tmp_path / "none")})

    assert not (tmp_path / "none").exists()


def test_a_note_is_the_owners_alone_and_goes_with_the_platform(tmp_path: Path) -> None:
    with noted(tmp_path, NOTE):
        mode = (tmp_path / "platform.json").stat().st_mode & 0o777
        found = read_note(tmp_path)

    assert mode == 0o600
    assert found == NOTE
    assert "secret" not in repr(dataclasses.replace(found, secret_access_key="secret"))
    with pytest.raises(NoPlatform):
        read_note(tmp_path)


def test_the_note_of_a_killed_platform_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "platform.json").write_text("{")
    with pytest.raises(NoPlatform, match="not understood"):
        read_note(tmp_path)

    with noted(tmp_path, NOTE):
        assert read_note(tmp_path) == NOTE


def test_a_home_is_made_for_the_owner_and_has_one_platform(tmp_path: Path) -> None:
    home = tmp_path / "data"

    with locked(home):
        assert home.stat().st_mode & 0o777 == 0o700
        with pytest.raises(HomeUnusable, match="a platform runs in"), locked(home):
            pass
    with locked(home):
        pass


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HomeUnusable, match="RAYLAMBDA_HOME cannot be used"), locked(tmp_path / "file" / "home"):
        pass

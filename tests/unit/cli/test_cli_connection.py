"""Where the commands find a platform: AWS's variables first, then the note in the home."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from raylambda.home import HomeUnusable, NoPlatform, PlatformNote, locked, noted, read_note
from raylambda.sdk.connection import Connection, Wanted, find_connection
from raylambda.sdk.errors import NotConnected

NOTE = PlatformNote("http://127.0.0.1:8470", "eu-west-1", "AKIDNOTED", "secret", "10.0.0.1:6379", "token")


def found_in(environ: dict[str, str]) -> Connection:
    return find_connection(Wanted(), environ)


def test_the_note_of_the_running_platform_is_found(tmp_path: Path) -> None:
    with noted(tmp_path, NOTE):
        found = found_in({"RAYLAMBDA_HOME": str(tmp_path)})

    assert (found.endpoint, found.region) == (NOTE.endpoint, "eu-west-1")
    assert (found.credentials.access_key_id, found.credentials.secret) == ("AKIDNOTED", "secret")


def test_aws_variables_come_first(tmp_path: Path) -> None:
    variables = {
        "RAYLAMBDA_HOME": str(tmp_path),
        "AWS_ENDPOINT_URL_LAMBDA": "http://far:1/",
        "AWS_ACCESS_KEY_ID": "AKIDFAR",
        "AWS_SECRET_ACCESS_KEY": "far",
        "AWS_REGION": "us-west-2",
    }

    found = found_in(variables)

    assert (found.endpoint, found.region, found.credentials.access_key_id) == ("http://far:1", "us-west-2", "AKIDFAR")


def test_the_endpoint_of_this_machines_platform_takes_the_noted_key(tmp_path: Path) -> None:
    with noted(tmp_path, NOTE):
        found = found_in({"RAYLAMBDA_HOME": str(tmp_path), "AWS_ENDPOINT_URL_LAMBDA": NOTE.endpoint})

    assert (found.endpoint, found.credentials.access_key_id) == (NOTE.endpoint, "AKIDNOTED")


def test_another_endpoint_without_a_key_says_so(tmp_path: Path) -> None:
    variables = {"RAYLAMBDA_HOME": str(tmp_path), "HOME": str(tmp_path), "AWS_ENDPOINT_URL": "http://far:1"}

    with (
        noted(tmp_path, NOTE),
        pytest.raises(NotConnected, match="AWS_ENDPOINT_URL names http://far:1 and there is no key"),
    ):
        found_in(variables)


def test_endpoints_are_found_in_the_order_of_awss_sdks(tmp_path: Path) -> None:
    profile = "[profile p]\nservices = s\nendpoint_url = http://4\nregion = eu-west-1\n"
    (tmp_path / "config").write_text(f"{profile}[services s]\nlambda =\n  endpoint_url = http://3\n")
    (tmp_path / "credentials").write_text("[p]\naws_access_key_id = AKIDP\naws_secret_access_key = p\n")
    variables = {
        "AWS_ENDPOINT_URL_LAMBDA": "http://1",
        "AWS_ENDPOINT_URL": "http://2",
        "AWS_PROFILE": "p",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "RAYLAMBDA_HOME": str(tmp_path),
    }

    found = [found_in(variables)]
    for name in ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"):
        del variables[name]
        found.append(found_in(variables))
    (tmp_path / "config").write_text(profile.replace("services = s\n", ""))
    found.append(found_in(variables))

    assert [one.endpoint for one in found] == ["http://1", "http://2", "http://3", "http://4"]
    assert {(one.credentials.access_key_id, one.region) for one in found} == {("AKIDP", "eu-west-1")}
    with noted(tmp_path, NOTE):
        ignoring = found_in({**variables, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})
    assert (ignoring.endpoint, ignoring.credentials.access_key_id) == (NOTE.endpoint, "AKIDNOTED")


def test_without_a_platform_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="`raylambda up` starts one"):
        found_in({"RAYLAMBDA_HOME": str(tmp_path / "none")})

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

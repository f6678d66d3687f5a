"""Where the client finds the platform: botocore's order, then this machine's own platform."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import botocore.session
import pytest

from raylambda.home import PlatformNote, noted
from raylambda.sdk.connection import Wanted, find_connection, own_file
from raylambda.sdk.errors import NotConnected
from raylambda.sdk.signing import Credentials

NOTE = PlatformNote("http://127.0.0.1:8470", "eu-west-1", "AKIDNOTED", "noted", "10.0.0.1:6379", "token")

CONFIG = """
[default]
region = us-west-1
{endpoint}
{services}
{ignore}

[profile "far"]
region = ap-south-1
endpoint_url = http://far:1
aws_access_key_id = AKIDFARCONFIG
aws_secret_access_key = farconfig

[profile bare]
region = ap-south-2

[services mine]
s3 =
  endpoint_url = http://s3:1
lambda =
  endpoint_url = http://profile-lambda:1
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = default
aws_session_token = token

[far]
aws_access_key_id = AKIDFAR
aws_secret_access_key = far
"""


def written(home: Path, **lines: str) -> dict[str, str]:
    """AWS's shared files below a home; the variables that lead there."""
    folder = home / ".aws"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(CONFIG.format(**{"endpoint": "", "services": "", "ignore": "", **lines}))
    (folder / "credentials").write_text(CREDENTIALS)
    return {"HOME": str(home), "RAYLAMBDA_HOME": str(home / "data")}


SPOKEN = [
    {"AWS_ENDPOINT_URL_LAMBDA": "http://variable-lambda:1"},
    {"AWS_ENDPOINT_URL": "http://variable:1"},
    {"services": "services = mine"},
    {"endpoint": "endpoint_url = http://profile:1"},
]
WHO_SPEAKS = [list(chosen) for chosen in itertools.product([False, True], repeat=4) if any(chosen)]


@pytest.mark.parametrize("speaks", WHO_SPEAKS)
@pytest.mark.parametrize("keyed", [False, True], ids=["", "keys in variables"])
def test_endpoint_and_key_are_those_of_botocore(
    speaks: list[bool], keyed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, str] = {}
    for speak, words in zip(speaks, SPOKEN, strict=True):
        said |= words if speak else {}
    environ = written(tmp_path, **{name: text for name, text in said.items() if name.islower()})
    environ |= {name: text for name, text in said.items() if name.isupper()}
    environ |= {"AWS_ACCESS_KEY_ID": "AKIDVAR", "AWS_SECRET_ACCESS_KEY": "var"} if keyed else {}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, text in environ.items():
        monkeypatch.setenv(name, text)

    ours = find_connection(Wanted(), environ)
    theirs = botocore.session.Session().create_client("lambda")
    keys = theirs._request_signer._credentials.get_frozen_credentials()

    assert ours.endpoint == theirs.meta.endpoint_url
    assert ours.region == theirs.meta.region_name == "us-west-1"
    assert ours.credentials == Credentials(keys.access_key, keys.secret_key, keys.token)


@pytest.mark.parametrize("ignored", [{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, {}])
def test_endpoints_that_are_to_be_ignored_lead_to_the_own_platform(tmp_path: Path, ignored: dict[str, str]) -> None:
    lines = {} if ignored else {"ignore": "ignore_configured_endpoint_urls = true"}
    environ = {**written(tmp_path, **lines), **ignored, "AWS_ENDPOINT_URL": "http://variable:1"}

    with noted(tmp_path / "data", NOTE):
        found = find_connection(Wanted(), environ)

    assert found.endpoint == NOTE.endpoint


def test_without_an_endpoint_the_own_platform_is_meant_and_no_key_of_aws(tmp_path: Path) -> None:
    environ = {**written(tmp_path), "AWS_ACCESS_KEY_ID": "AKIDAWS", "AWS_SECRET_ACCESS_KEY": "aws", "AWS_REGION": "x"}

    with noted(tmp_path / "data", NOTE):
        found = find_connection(Wanted(), environ)
        elsewhere = find_connection(Wanted(region="us-east-2"), environ)

    assert (found.endpoint, found.region) == (NOTE.endpoint, "eu-west-1")
    assert found.credentials == Credentials("AKIDNOTED", "noted")
    assert found.said_by == str(tmp_path / "data")
    assert elsewhere.region == "us-east-2"


def test_the_home_is_where_the_platform_has_it_by_default(tmp_path: Path) -> None:
    with noted(tmp_path / ".raylambda", NOTE):
        assert find_connection(Wanted(), {"HOME": str(tmp_path)}).endpoint == NOTE.endpoint


def test_arguments_come_first_and_then_no_file_is_opened() -> None:
    def never(path: Path) -> str:
        raise AssertionError(path)

    wanted = Wanted("http://here:1/", "AKID", "secret", "eu-north-1", "token")
    found = find_connection(wanted, {"AWS_ENDPOINT_URL_LAMBDA": "http://variable:1"}, never, never)

    assert (found.endpoint, found.region) == ("http://here:1", "eu-north-1")
    assert found.credentials == Credentials("AKID", "secret", "token")


def test_a_profile_that_is_asked_for_stands_before_the_keys_in_variables(tmp_path: Path) -> None:
    environ = {**written(tmp_path), "AWS_ACCESS_KEY_ID": "AKIDVAR", "AWS_SECRET_ACCESS_KEY": "var"}

    asked = find_connection(Wanted(profile="far"), environ)
    named = find_connection(Wanted(), {**environ, "AWS_PROFILE": "far"})

    assert (asked.endpoint, asked.region, asked.credentials) == (
        "http://far:1",
        "ap-south-1",
        Credentials("AKIDFAR", "far"),
    )
    assert named.credentials == Credentials("AKIDVAR", "var")


def test_a_profile_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="there is no profile nobody"):
        find_connection(Wanted(profile="nobody"), written(tmp_path))


def test_an_endpoint_without_a_key_says_so(tmp_path: Path) -> None:
    environ = {**written(tmp_path), "AWS_PROFILE": "bare", "AWS_ENDPOINT_URL_LAMBDA": "http://far:1"}

    with (
        noted(tmp_path / "data", NOTE),
        pytest.raises(NotConnected, match="AWS_ENDPOINT_URL_LAMBDA names http://far:1 and there is no key"),
    ):
        find_connection(Wanted(), environ)


def test_the_own_platforms_endpoint_takes_its_own_key(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "RAYLAMBDA_HOME": str(tmp_path), "AWS_ENDPOINT_URL": f"{NOTE.endpoint}/"}

    with noted(tmp_path, NOTE):
        assert find_connection(Wanted(), environ).credentials == Credentials("AKIDNOTED", "noted")


def test_half_a_key_is_none() -> None:
    with pytest.raises(NotConnected, match="belong together"):
        find_connection(Wanted("http://here:1", "AKID", region="x"), {})


@pytest.mark.parametrize(
    "address",
    [
        *("here:1", "ftp://here", "http://", "http://here:port", "http://here:0", "http://here:99999"),
        *("http://a:b@here", "http://[::1", "http://h\u00e9re", "http://here?x", "unix:/run/x", " "),
    ],
)
def test_what_is_no_address_is_shown_as_it_is(address: str) -> None:
    with pytest.raises(NotConnected, match="an address looks like http://127"):
        find_connection(Wanted(address, "AKID", "secret", "x"), {})


@pytest.mark.parametrize("address", ["https://here", "http://[::1]:8470", "http://here:1/prefix/"])
def test_addresses_of_any_usual_form_are_taken(address: str) -> None:
    assert find_connection(Wanted(address, "AKID", "secret", "x"), {}).endpoint == address.rstrip("/")


def test_nobody_there_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(
        NotConnected, match="`raylambda up` starts one, and AWS_ENDPOINT_URL_LAMBDA names one elsewhere"
    ):
        find_connection(Wanted(), {"HOME": str(tmp_path)})


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"endpoint": "http://here:1"}', '{"endpoint": null}'])
def test_a_note_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "platform.json"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(NotConnected, match=r"platform\.json is not understood"):
        find_connection(Wanted(), {"HOME": str(tmp_path), "RAYLAMBDA_HOME": str(tmp_path)})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_note_that_others_can_read_or_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    with noted(tmp_path, NOTE):
        (tmp_path / "platform.json").chmod(mode)
        with pytest.raises(NotConnected, match="must belong to you alone"):
            find_connection(Wanted(), {"HOME": str(tmp_path), "RAYLAMBDA_HOME": str(tmp_path)})


def test_a_note_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    with noted(tmp_path, NOTE):
        os.chown(tmp_path / "platform.json", 1234, -1)
        with pytest.raises(NotConnected, match="must belong to you alone"):
            find_connection(Wanted(), {"HOME": str(tmp_path), "RAYLAMBDA_HOME": str(tmp_path)})


def test_root_finds_the_platform_of_a_user_in_that_users_home(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    with noted(tmp_path, NOTE):
        for path in (tmp_path, tmp_path / "platform.json"):
            os.chown(path, 1234, -1)
        found = find_connection(Wanted(), {"HOME": str(tmp_path), "RAYLAMBDA_HOME": str(tmp_path)})

    assert found.endpoint == NOTE.endpoint


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "link").symlink_to(tmp_path / "none")
    (tmp_path / "folder").mkdir(mode=0o700)

    for name in ("pipe", "link", "folder"):
        with pytest.raises(OSError, match=r"must belong|symbolic|directory"):
            own_file(tmp_path / name)
    assert own_file(tmp_path / "none") is None


def test_shared_files_that_are_broken_are_named(tmp_path: Path) -> None:
    environ = written(tmp_path)
    (tmp_path / ".aws" / "config").write_text("no section\n")

    with pytest.raises(NotConnected, match=r"config is not understood"):
        find_connection(Wanted(), environ)
    (tmp_path / ".aws" / "config").write_bytes(b"\xff")
    with pytest.raises(NotConnected, match=r"config cannot be read"):
        find_connection(Wanted(), environ)

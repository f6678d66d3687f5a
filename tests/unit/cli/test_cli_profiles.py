"""Profiles in AWS's shared files: ours are written, everything else in the files stays."""

from __future__ import annotations

import stat
from configparser import RawConfigParser
from pathlib import Path

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.cli.profiles import ProfileUnusable, SharedFiles, what_is_not_ours, with_section
from raylambda.sdk.connection import any_file
from raylambda.sdk.errors import NotConnected
from raylambda.sdk.profiles import read_profile

PLATFORM = ("http://127.0.0.1:8470", "eu-west-1", "AKIDOURS", "secret")
THEIRS = "# mine\n[default]\nregion = us-west-2 \n\n; more\n[profile work]\ns3 =\n  max_concurrent_requests = 20\nregion=x\n# end"


def files(folder: Path) -> SharedFiles:
    return SharedFiles(folder / "aws" / "config", folder / "aws" / "credentials")


def test_botocore_finds_the_platform_by_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = files(tmp_path)
    made.write("mine", *PLATFORM)

    monkeypatch.setenv("AWS_CONFIG_FILE", str(made.config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(made.credentials))
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_LAMBDA",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    session = botocore.session.Session(profile="mine")
    client = session.create_client("lambda")

    assert (client.meta.endpoint_url, client.meta.region_name) == PLATFORM[:2]
    assert session.get_credentials().access_key == "AKIDOURS"
    assert "127.0.0.1" not in session.create_client("sqs").meta.endpoint_url
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made.config, made.credentials)} == {0o600}


def test_what_else_is_in_the_files_stays(tmp_path: Path) -> None:
    made = files(tmp_path)
    made.config.parent.mkdir()
    made.config.write_text(THEIRS)

    made.write("mine", *PLATFORM)
    once = made.config.read_text()
    made.write("mine", *PLATFORM)

    assert once.startswith(THEIRS)
    assert made.config.read_text() == once
    places = {"AWS_CONFIG_FILE": str(made.config), "AWS_SHARED_CREDENTIALS_FILE": str(made.credentials)}
    found = read_profile("mine", places, any_file)
    assert found is not None
    assert (found.lambda_endpoint, found.region, found.access_key_id, found.secret) == PLATFORM


def test_somebodys_own_profile_is_left_alone(tmp_path: Path) -> None:
    made = files(tmp_path)
    made.config.parent.mkdir()
    made.credentials.write_text("[default]\naws_access_key_id = AKIDREAL\naws_secret_access_key = real\n")

    with pytest.raises(ProfileUnusable, match="the profile default has another key"):
        made.write("default", *PLATFORM)

    assert "AKIDREAL" in made.credentials.read_text()
    assert not made.config.exists()


SOMEBODYS = {
    "sso_session": "[profile mine]\nsso_session = corp\nsso_account_id = 111122223333\nregion = us-east-1\n",
    "role_arn": "[profile mine]\nrole_arn = arn:aws:iam::1:role/x\ncredential_source = Environment\n",
    "credential_process": "[profile mine]\ncredential_process = /bin/keys\n",
    "services": "[profile mine]\nservices = local\n[services local]\nlambda =\n  endpoint_url = http://127.0.0.1:4566\n",
    "endpoint_url": "[profile mine]\nendpoint_url = http://127.0.0.1:4566\n",
    r"a section \[services mine\]": "[services mine]\ndynamodb =\n  endpoint_url = http://localhost:8000\n",
    r"a section \[services mine\] of": "[services mine]\nlambda =\n  endpoint_url = http://127.0.0.1:4566\n",
}


@pytest.mark.parametrize("named", SOMEBODYS)
@pytest.mark.parametrize("profile", ["mine", "default"])
def test_a_profile_that_gets_its_keys_or_services_elsewhere_is_left_alone(
    tmp_path: Path, named: str, profile: str
) -> None:
    made = files(tmp_path)
    made.config.parent.mkdir()
    text = SOMEBODYS[named].replace("[profile mine]", f"[{'' if profile == 'default' else 'profile '}{profile}]")
    made.config.write_text(text.replace("services mine", f"services {profile}"))
    before = made.config.read_text()

    with pytest.raises(ProfileUnusable, match=f"^the profile {profile} has .*{named.replace('mine', profile)}"):
        made.write(profile, *PLATFORM)

    assert made.config.read_text() == before
    assert not made.credentials.exists()


def test_a_profile_of_another_use_with_the_platforms_endpoint_is_left_alone(tmp_path: Path) -> None:
    """``services`` of its own name alone make no profile ours: the endpoint or the key must be."""
    made = files(tmp_path)
    made.config.parent.mkdir()
    made.config.write_text(
        "[profile mine]\nservices = mine\n[services mine]\nlambda =\n  endpoint_url = http://127.0.0.1:4566\n"
    )
    made.credentials.write_text("[mine]\naws_access_key_id = test\naws_secret_access_key = test\n")

    with pytest.raises(ProfileUnusable, match=r"has another key \(test\)"):
        made.write("mine", *PLATFORM)


@pytest.mark.parametrize("now", [("http://127.0.0.1:9", *PLATFORM[1:]), (*PLATFORM[:2], "AKIDNEW", "new")])
def test_a_profile_is_renewed_when_the_platform_has_moved_or_has_a_new_key(
    tmp_path: Path, now: tuple[str, str, str, str]
) -> None:
    made = files(tmp_path)
    made.write("mine", *PLATFORM)
    made.config.write_text(made.config.read_text().replace("region", "cli_pager =\nregion"))

    made.write("mine", *now)

    places = {"AWS_CONFIG_FILE": str(made.config), "AWS_SHARED_CREDENTIALS_FILE": str(made.credentials)}
    found = read_profile("mine", places, any_file)
    assert found is not None
    assert (found.lambda_endpoint, found.region, found.access_key_id, found.secret) == now
    assert "cli_pager" in made.config.read_text()


@pytest.mark.parametrize(
    "before",
    ["[profile mine]\nregion = us-east-1\noutput = json\n", "[profile mine]\naws_access_key_id = AKIDOURS\n"],
)
def test_a_profile_with_nothing_to_lose_becomes_the_platforms(tmp_path: Path, before: str) -> None:
    made = files(tmp_path)
    made.config.parent.mkdir()
    made.config.write_text(before)

    made.write("mine", *PLATFORM)

    assert PLATFORM[0] in made.config.read_text()


NAMES = st.sampled_from(["region", "output", "aws_access_key_id", "services", "sso_session", "role_arn", "s3", "x"])


@given(st.dictionaries(NAMES, st.sampled_from(["mine", "AKIDOURS", "other"])), st.booleans())
def test_nobody_loses_a_setting_that_is_not_ours(profile: dict[str, str], elsewhere: bool) -> None:
    services = {"lambda": "\nendpoint_url = http://127.0.0.1:4566"} if elsewhere else None

    told = what_is_not_ours("mine", profile, services, PLATFORM[0], PLATFORM[2])

    if told is None and profile.keys() - {"region", "output", "aws_access_key_id"}:
        assert (profile["services"], profile["aws_access_key_id"], elsewhere) == ("mine", "AKIDOURS", True)


@pytest.mark.parametrize("name", ["", "a b", "x]\n[default", "é"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProfileUnusable, match="no name for a profile"):
        files(tmp_path).write(name, *PLATFORM)


def test_files_that_are_not_understood_are_named(tmp_path: Path) -> None:
    made = files(tmp_path)
    made.config.parent.mkdir()
    made.config.write_text("region = nowhere\n")

    with pytest.raises(NotConnected, match="config is not understood"):
        made.write("mine", *PLATFORM)

    assert made.config.read_text() == "region = nowhere\n"


LINES = st.sampled_from(
    ["# note", "", "region = a", "other = b", "nested =\n  region = c\n\n  deep = d", "output=json"]
)
SECTIONS = st.lists(
    st.tuples(st.sampled_from(["default", "profile mine", "profile x", "services mine"]), st.lists(LINES)),
    unique_by=lambda one: one[0],
)


@given(SECTIONS)
def test_a_section_has_the_values_and_the_others_stay(sections: list[tuple[str, list[str]]]) -> None:
    text = "".join(f"[{name}]\n" + "".join(f"{line}\n" for line in dict.fromkeys(lines)) for name, lines in sections)
    before, after = RawConfigParser(strict=False, default_section=""), RawConfigParser(strict=False, default_section="")

    changed = with_section(text, "profile mine", {"region": "new", "nested": {"deep": "e"}})
    before.read_string(text)
    after.read_string(changed)

    assert after["profile mine"]["region"] == "new"
    assert after["profile mine"]["nested"].split() == ["deep", "=", "e"]
    for name in before.sections():
        kept = {
            key: value.split()
            for key, value in before[name].items()
            if name != "profile mine" or key not in {"region", "nested"}
        }
        assert kept.items() <= {key: value.split() for key, value in after[name].items()}.items()
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in changed.splitlines() if line.startswith("#")
    ]
    assert with_section(changed, "profile mine", {"region": "new", "nested": {"deep": "e"}}) == changed

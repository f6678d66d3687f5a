"""PutDeployment: code, configuration and Ray options in one unit of work, or nothing."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from raylambda.services.lambda_.deployments import differences
from tests.unit.services.lambda_.control_plane import ControlPlane, a_package, the_refusal_of

NEW = "def handler(event, context): return 'new'\n"
ENTRY = {"Runtime": "python3.11", "Handler": "app.handler"}


def upload(plane: ControlPlane, data: bytes, account: str | None = None) -> str:
    """The digest as AWS prints it."""
    digest = hashlib.sha256(data)
    with plane.uploads.incoming(account or plane.account, digest.hexdigest()) as incoming:
        incoming.write(data)
        incoming.finish(digest.hexdigest())
    return b64encode(digest.digest()).decode()


def deployed(plane: ControlPlane, **members: Any) -> dict[str, Any]:
    answer = plane.call("PutDeployment", FunctionName="fn", **members)
    plane.settle()
    return answer


def test_a_creation_is_one_change(stored_plane: ControlPlane) -> None:
    sha256 = upload(stored_plane, a_package())

    created = deployed(stored_plane, CodeSha256=sha256, **ENTRY, RayOptions={"num_gpus": 1})

    assert (created["Created"], created["CodeChanged"]) == (True, True)
    assert created["Configuration"]["Role"] == "arn:aws:iam::123456789012:role/raylambda"
    assert created["Configuration"]["CodeSha256"] == sha256
    assert stored_plane.call("GetRayOptions", FunctionName="fn")["num_gpus"] == 1
    assert len(stored_plane.changes()) == 1
    assert list(stored_plane.code_store.packages.values()) == [a_package()]


def test_the_same_again_writes_nothing(stored_plane: ControlPlane) -> None:
    members = {"CodeSha256": upload(stored_plane, a_package()), **ENTRY, "MemorySize": 256, "RayOptions": {}}
    deployed(stored_plane, **members)
    before = stored_plane.call("GetFunctionConfiguration", FunctionName="fn"), stored_plane.changes()

    again = deployed(stored_plane, **members)

    assert (again["Created"], again["CodeChanged"], again["Differences"]) == (False, False, [])
    assert (stored_plane.call("GetFunctionConfiguration", FunctionName="fn"), stored_plane.changes()) == before


def test_code_configuration_and_options_change_together(stored_plane: ControlPlane) -> None:
    deployed(stored_plane, CodeSha256=upload(stored_plane, a_package()), **ENTRY)

    sha256 = upload(stored_plane, a_package(NEW))
    updated = deployed(stored_plane, CodeSha256=sha256, Timeout=9, RayOptions={"num_gpus": 1}, Publish=True)

    assert updated["Differences"] == [
        {"Member": "Timeout", "From": 3, "To": 9},
        {"Member": "RayOptions.num_gpus", "From": 0.0, "To": 1.0},
    ]
    assert (updated["CodeChanged"], updated["Version"]) == (True, "1")
    assert updated["Configuration"]["LastUpdateStatus"] == "InProgress"
    assert len(stored_plane.changes()) == 2


@pytest.mark.parametrize("members", [{"MemorySize": 1}, {"Runtime": "x"}, {"Layers": ["a"]}, {"RayOptions": {"no": 1}}])
@pytest.mark.parametrize("exists", [False, True])
def test_what_does_not_pass_keeps_everything_as_it_was(
    plane: ControlPlane, members: dict[str, Any], exists: bool
) -> None:
    if exists:
        deployed(plane, CodeSha256=upload(plane, a_package()), **ENTRY)
    packages = dict(plane.code_store.packages)

    refusal = plane.refusal(
        "PutDeployment", FunctionName="fn", CodeSha256=upload(plane, a_package(NEW)), **{**ENTRY, **members}
    )

    assert refusal.status == 400
    assert plane.code_store.packages == packages


def test_a_package_of_another_account_is_as_if_it_were_not_there(plane: ControlPlane) -> None:
    there = upload(plane, a_package(), account="210987654321")
    nowhere = b64encode(bytes(32)).decode()

    texts = []
    for sha256 in (there, nowhere):
        refusal = plane.refusal("PutDeployment", FunctionName="fn", CodeSha256=sha256, **ENTRY)
        assert (refusal.code, refusal.status) == ("PackageNotUploadedException", 404)
        texts.append(str(refusal).replace(hashlib.sha256(a_package()).hexdigest(), "-").replace("0" * 64, "-"))

    assert texts[0] == texts[1]


def test_a_package_of_an_own_version_needs_no_upload(plane: ControlPlane) -> None:
    plane.active("other")

    created = deployed(plane, CodeSha256=b64encode(hashlib.sha256(a_package()).digest()).decode(), **ENTRY)

    assert created["Configuration"]["CodeSize"] == len(a_package())


def test_a_package_that_the_store_lost_is_asked_for_and_mended(plane: ControlPlane) -> None:
    sha256 = b64encode(hashlib.sha256(a_package()).digest()).decode()
    plane.active("fn")
    plane.code_store.packages.clear()

    assert plane.refusal("PutDeployment", FunctionName="fn", CodeSha256=sha256).status == 404
    upload(plane, a_package())
    assert deployed(plane, CodeSha256=sha256)["CodeChanged"]

    assert list(plane.code_store.packages.values()) == [a_package()]


@pytest.mark.parametrize("when", ["is looked at", "is taken"])
def test_a_package_that_makes_room_for_newer_ones_while_it_is_deployed_is_asked_for_again(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    sha256 = upload(plane, a_package())
    find, adopt = plane.uploads.find, plane.code_store.adopt

    def found_and_gone(account: str, digest: str) -> Path | None:
        path = find(account, digest)
        assert path is not None
        path.unlink()
        return path

    def gone_and_adopted(file: Path, digest: str) -> None:
        file.unlink()
        adopt(file, digest)

    with monkeypatch.context() as patched:
        if when == "is looked at":
            patched.setattr(plane.uploads, "find", found_and_gone)
        else:
            patched.setattr(plane.code_store, "adopt", gone_and_adopted)
        refused = the_refusal_of(lambda: deployed(plane, CodeSha256=sha256, **ENTRY))

    assert refused.code == "PackageNotUploadedException"
    assert "PUT it to /_raylambda/packages/" in str(refused)
    assert plane.record() is None
    assert deployed(plane, CodeSha256=upload(plane, a_package()), **ENTRY)["Created"]


def test_an_update_in_progress_is_a_conflict_unless_nothing_is_to_be_done(plane: ControlPlane) -> None:
    plane.create("fn")

    assert plane.call("PutDeployment", FunctionName="fn", MemorySize=128)["Differences"] == []
    assert the_refusal_of(lambda: plane.call("PutDeployment", FunctionName="fn", MemorySize=256)).status == 409


@pytest.mark.parametrize("text", ["", "x", "AAAA", "ü" * 44])
def test_what_is_no_digest_is_refused(plane: ControlPlane, text: str) -> None:
    assert plane.refusal("PutDeployment", FunctionName="fn", CodeSha256=text, **ENTRY).status == 400


def test_differences_are_told_member_by_member() -> None:
    before = {"A": 1, "B": {"x": 1, "y": 2}, "C": [1], "Gone": {"z": 0}}
    after = {"A": 1, "B": {"x": 3, "y": 2}, "C": [2], "New": True}

    told = [one.model_dump(by_alias=True, exclude_none=True) for one in differences(before, after)]

    assert told == [
        {"Member": "B.x", "From": 1, "To": 3},
        {"Member": "C", "From": [1], "To": [2]},
        {"Member": "Gone.z", "From": 0},
        {"Member": "New", "To": True},
    ]


def test_a_creation_of_a_name_that_is_taken_keeps_no_bytes(plane: ControlPlane) -> None:
    plane.active("fn")

    with pytest.raises(Exception, match="already exist"):
        plane.create("fn", Code={"ZipFile": b64encode(a_package(NEW)).decode()})

    assert list(plane.code_store.packages.values()) == [a_package()]

"""PublishVersion and ListVersionsByFunction."""

from __future__ import annotations

import pytest

from tests.unit.services.lambda_.control_plane import ARN, ControlPlane, zip_member
from tests.unit.services.lambda_.goldens import assert_golden


def test_a_version_is_active_under_its_own_arn_and_revision(plane: ControlPlane) -> None:
    plane.active()

    answer = plane.answer("PublishVersion", FunctionName="fn", Description="first")
    plane.settle()

    published = plane.call("GetFunctionConfiguration", FunctionName="fn:1")
    assert answer.status == 201
    assert_golden("publish_version", published)
    assert published["RevisionId"] != plane.call("GetFunctionConfiguration", FunctionName="fn")["RevisionId"]


def test_a_version_does_not_change_any_more(plane: ControlPlane) -> None:
    plane.active(Timeout=3)
    plane.call("PublishVersion", FunctionName="fn")
    plane.settle()
    before = plane.call("GetFunctionConfiguration", FunctionName="fn:1")

    plane.call("UpdateFunctionConfiguration", FunctionName="fn", Timeout=30)
    plane.settle()

    assert plane.call("GetFunctionConfiguration", FunctionName="fn:1") == before
    record = plane.record()
    assert record is not None
    assert (record.versions["1"].timeout_s, record.versions["$LATEST"].timeout_s) == (3, 30)


def test_publishing_again_without_an_update_is_the_same_version(plane: ControlPlane) -> None:
    plane.active()

    numbers = [plane.call("PublishVersion", FunctionName="fn")["Version"] for _ in range(2)]
    plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member())
    plane.settle()
    numbers += [plane.call("PublishVersion", FunctionName="fn")["Version"] for _ in range(2)]

    assert numbers == ["1", "1", "2", "2"]


def test_ray_options_are_no_reason_for_a_new_version(plane: ControlPlane) -> None:
    plane.active(Publish=True)

    plane.call("PutRayOptions", FunctionName="fn", num_gpus=1)

    assert plane.call("PublishVersion", FunctionName="fn")["Version"] == "1"


def test_numbers_are_never_used_again(plane: ControlPlane) -> None:
    plane.active(Publish=True)
    plane.call("DeleteFunction", FunctionName="fn:1")

    assert plane.call("PublishVersion", FunctionName="fn")["Version"] == "2"


def test_snap_start_is_on_for_a_version(plane: ControlPlane) -> None:
    plane.active(Runtime="python3.12", SnapStart={"ApplyOn": "PublishedVersions"})

    published = plane.call("PublishVersion", FunctionName="fn")

    assert published["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert plane.call("GetFunctionConfiguration", FunctionName="fn")["SnapStart"]["OptimizationStatus"] == "Off"


def test_the_code_must_be_the_one_that_the_client_thinks_of(plane: ControlPlane) -> None:
    plane.active()
    current = plane.call("GetFunctionConfiguration", FunctionName="fn")["CodeSha256"]

    error = plane.refusal("PublishVersion", FunctionName="fn", CodeSha256="other")
    plane.call("PublishVersion", FunctionName="fn", CodeSha256=current)

    assert error.code == "InvalidParameterValueException"
    assert str(error) == (
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({current}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )


def test_the_revision_must_be_the_one_that_the_client_thinks_of(plane: ControlPlane) -> None:
    plane.active()

    assert plane.refusal("PublishVersion", FunctionName="fn", RevisionId="other").status == 412


@pytest.mark.parametrize("name", ["PublishVersion", "ListVersionsByFunction"])
def test_an_unknown_function(plane: ControlPlane, name: str) -> None:
    assert str(plane.refusal(name, FunctionName="gone")) == f"Function not found: {ARN}gone"


def test_the_list_begins_with_latest_and_goes_by_number(stored_plane: ControlPlane) -> None:
    stored_plane.active()
    for timeout_s in range(1, 12):
        stored_plane.call("UpdateFunctionConfiguration", FunctionName="fn", Timeout=timeout_s)
        stored_plane.settle()
        stored_plane.call("PublishVersion", FunctionName="fn")

    found, marker = [], None
    while True:
        more = {} if marker is None else {"Marker": marker}
        page = stored_plane.call("ListVersionsByFunction", FunctionName="fn", MaxItems=5, **more)
        found += [version["Version"] for version in page["Versions"]]
        marker = page.get("NextMarker")
        if marker is None:
            break

    assert found == ["$LATEST", *map(str, range(1, 12))]


def test_items_of_the_list(plane: ControlPlane) -> None:
    plane.active(Publish=True)

    assert_golden("list_versions", plane.call("ListVersionsByFunction", FunctionName="fn"))


@pytest.mark.parametrize(
    "marker", ["x", "Zm9v", "WzFd", "WyJhIiwgImIiXQ==", "WyJcdTAwMDAiXQ==", "W10=", "é", "[" * 9999]
)
def test_a_marker_that_was_never_given_out(plane: ControlPlane, marker: str) -> None:
    plane.active()

    error = plane.refusal("ListVersionsByFunction", FunctionName="fn", Marker=marker)

    assert error.code == "InvalidParameterValueException"

"""AWS's replies that were recorded and once differed here: the control plane's lines of lambda-reference.md 19."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.services.lambda_.control_plane import ARN, ControlPlane, a_function, zip_member
from tests.unit.services.lambda_.goldens import assert_golden

LONGEST = "n" * 140
"""What the pattern of a function's name takes; a function may have 64 of it."""

CODE = {"ZipFile": zip_member()}
ABOUT_A_FUNCTION: list[tuple[str, dict[str, Any]]] = [
    ("GetFunction", {}),
    ("GetFunctionConfiguration", {}),
    ("DeleteFunction", {}),
    ("UpdateFunctionCode", CODE),
    ("UpdateFunctionConfiguration", {"Timeout": 5}),
    ("PublishVersion", {}),
    ("ListVersionsByFunction", {}),
    ("ListAliases", {}),
    ("GetPolicy", {}),
    ("GetFunctionCodeSigningConfig", {}),
    ("GetRuntimeManagementConfig", {}),
]


def revisions(plane: ControlPlane, *qualifiers: str) -> list[str]:
    """The RevisionIds of the function's versions; of ``$LATEST`` without an argument."""
    asked: list[dict[str, str]] = [{"Qualifier": qualifier} for qualifier in qualifiers] or [{}]
    return [plane.call("GetFunctionConfiguration", FunctionName="fn", **each)["RevisionId"] for each in asked]


def versions(plane: ControlPlane, qualifier: str) -> dict[str, Any]:
    return plane.call("GetFunction", FunctionName="fn", Qualifier=qualifier)["Configuration"]


@pytest.mark.parametrize(("name", "members"), ABOUT_A_FUNCTION)
def test_a_function_that_does_not_exist_is_named_without_a_version(
    plane: ControlPlane, name: str, members: dict[str, Any]
) -> None:
    error = plane.refusal(name, FunctionName="gone", **members)

    assert (error.status, error.body()) == (404, {"Type": "User", "Message": f"Function not found: {ARN}gone"})


@pytest.mark.parametrize("name", ["GetFunction", "GetFunctionConfiguration", "DeleteFunction", "GetPolicy"])
@pytest.mark.parametrize("asked", [{"FunctionName": "gone:7"}, {"FunctionName": "gone", "Qualifier": "7"}])
def test_also_when_a_version_was_asked_for(plane: ControlPlane, name: str, asked: dict[str, str]) -> None:
    assert str(plane.refusal(name, **asked)) == f"Function not found: {ARN}gone"


@pytest.mark.parametrize("name", ["GetFunction", "GetFunctionConfiguration"])
def test_a_version_that_does_not_exist_is_named(plane: ControlPlane, name: str) -> None:
    plane.active()

    assert str(plane.refusal(name, FunctionName="fn", Qualifier="7")) == f"Function not found: {ARN}fn:7"


@pytest.mark.parametrize("length", [65, 140])
def test_a_name_that_is_too_long_is_refused_at_creation(plane: ControlPlane, length: int) -> None:
    error = plane.refusal("CreateFunction", **a_function(LONGEST[:length]))

    assert (error.status, error.code) == (400, "InvalidParameterValueException")
    assert str(error) == (
        f"1 validation error detected: Value '{LONGEST[:length]}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64"
    )


@pytest.mark.parametrize(("name", "members"), ABOUT_A_FUNCTION)
def test_elsewhere_such_a_name_is_one_that_no_function_has(
    plane: ControlPlane, name: str, members: dict[str, Any]
) -> None:
    error = plane.refusal(name, FunctionName=LONGEST, **members)

    assert (error.status, str(error)) == (404, f"Function not found: {ARN}{LONGEST}")


def test_a_qualifier_that_nothing_can_have_is_not_found_by_deletion(plane: ControlPlane) -> None:
    plane.active()

    there = plane.refusal("DeleteFunction", FunctionName="fn", Qualifier="$latest")
    gone = plane.refusal("DeleteFunction", FunctionName="gone", Qualifier="$latest")

    assert (there.status, str(there)) == (404, f"Function not found: {ARN}fn:$latest")
    assert (gone.status, str(gone)) == (404, f"Function not found: {ARN}gone")


def test_a_version_is_pending_when_it_is_published(plane: ControlPlane) -> None:
    plane.active()

    answer = plane.call("PublishVersion", FunctionName="fn")
    fresh = versions(plane, "1")
    plane.settle()
    settled = versions(plane, "1")

    assert_golden("publish_version_answer", answer)
    assert_golden("get_function_of_a_fresh_version", fresh)
    assert (settled["State"], settled["LastUpdateStatus"]) == ("Active", "Successful")
    assert not {"StateReason", "StateReasonCode", "LastUpdateStatusReason"} & settled.keys()


def test_a_version_that_is_created_with_its_function_is_pending(plane: ControlPlane) -> None:
    answer = plane.create(Publish=True)

    assert_golden("create_function_with_publish", answer)
    assert_golden("get_function_of_a_first_version", versions(plane, "1"))


def test_a_version_that_is_published_with_an_update_is_pending(plane: ControlPlane) -> None:
    plane.active()

    answer = plane.call("UpdateFunctionCode", FunctionName="fn", Publish=True, **CODE)

    assert_golden("update_function_code_with_publish", answer)
    assert versions(plane, "1") == answer


def test_publishing_what_is_published_answers_it_as_it_is(plane: ControlPlane) -> None:
    plane.active(Publish=True)

    again = plane.call("PublishVersion", FunctionName="fn")

    assert (again["Version"], again["State"], again["LastUpdateStatus"]) == ("1", "Active", "Successful")


def test_a_fresh_version_serves_when_it_is_active(plane: ControlPlane) -> None:
    plane.active()
    plane.call("PublishVersion", FunctionName="fn")

    fresh = plane.record()
    plane.settle()
    settled = plane.record()

    assert fresh is not None
    assert settled is not None
    assert (fresh.versions["1"].state, fresh.to_activate) == ("Pending", True)
    assert (settled.versions["1"].state, settled.to_activate) == ("Active", False)


def test_publication_gives_latest_a_new_revision_and_a_version_keeps_its_own(plane: ControlPlane) -> None:
    plane.active()
    [before] = revisions(plane)

    published = plane.call("PublishVersion", FunctionName="fn")["RevisionId"]
    latest, fresh = revisions(plane, "$LATEST", "1")
    plane.settle()

    assert len({before, latest, published}) == 3
    assert fresh == published
    assert revisions(plane, "$LATEST", "1") == [latest, published]


def test_publishing_what_is_published_changes_no_revision(plane: ControlPlane) -> None:
    plane.active(Publish=True)
    before = revisions(plane, "$LATEST", "1")

    plane.call("PublishVersion", FunctionName="fn")

    assert revisions(plane, "$LATEST", "1") == before


@pytest.mark.parametrize(
    ("name", "members"), [("TagResource", {"Tags": {"a": "b"}}), ("UntagResource", {"TagKeys": ["a"]})]
)
def test_tags_give_the_function_a_new_revision(plane: ControlPlane, name: str, members: dict[str, Any]) -> None:
    plane.active(Publish=True)
    latest, version = revisions(plane, "$LATEST", "1")

    plane.call(name, Resource=f"{ARN}fn", **members)

    assert revisions(plane) != [latest]
    assert revisions(plane, "1") == [version]


def test_an_alias_gives_nothing_a_new_revision(plane: ControlPlane) -> None:
    plane.active(Publish=True)
    before = revisions(plane, "$LATEST", "1")

    plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="1")

    assert revisions(plane, "$LATEST", "1") == before


def test_too_much_reserved_concurrency_is_refused_without_a_type(plane: ControlPlane) -> None:
    plane.active()

    error = plane.refusal("PutFunctionConcurrency", FunctionName="fn", ReservedConcurrentExecutions=901)

    assert (error.status, error.code) == (400, "InvalidParameterValueException")
    assert_golden("put_function_concurrency_refused", error.body())


@pytest.mark.parametrize("name", ["CreateFunction", "UpdateFunctionConfiguration"])
def test_an_unknown_runtime_is_answered_by_the_runtimes_in_this_order(plane: ControlPlane, name: str) -> None:
    plane.active()
    members = a_function("other") if name == "CreateFunction" else {"FunctionName": "fn"}

    error = plane.refusal(name, **members | {"Runtime": "Python3.11"})

    assert (error.status, error.code) == (400, "InvalidParameterValueException")
    assert_golden("unknown_runtime", error.body())


@pytest.mark.parametrize("key", ["A", "a", "1A", "_A", "A-B", ""])
def test_the_key_of_a_variable_has_two_characters_at_least(plane: ControlPlane, key: str) -> None:
    members = a_function(Environment={"Variables": {key: "1"}})

    error = plane.refusal("CreateFunction", **members)

    assert (error.status, error.code) == (400, "ValidationException")
    assert error.body() == {
        "message": f"1 validation error detected: Value '{{{key}=1}}' at 'environment.variables' failed to satisfy "
        "constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
        "[a-zA-Z]([a-zA-Z0-9_])+]"
    }


def test_two_characters_are_enough(plane: ControlPlane) -> None:
    assert plane.create(Environment={"Variables": {"AB": "1"}})["Environment"] == {"Variables": {"AB": "1"}}

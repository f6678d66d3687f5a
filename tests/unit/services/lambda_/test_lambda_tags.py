"""TagResource, UntagResource, ListTags."""

from __future__ import annotations

import pytest

from tests.unit.services.lambda_.control_plane import ARN, ControlPlane

UUID = "00000000-0000-0000-0000-000000000000"
OTHERS = "arn:aws:lambda:eu-central-1:123456789012:"


def tags(plane: ControlPlane) -> dict[str, str]:
    found: dict[str, str] = plane.call("ListTags", Resource=ARN + "fn")["Tags"]
    return found


def test_tags_are_merged_and_taken_away(plane: ControlPlane) -> None:
    plane.active(Tags={"team": "blue", "stage": "test"})

    tagged = plane.answer("TagResource", Resource=ARN + "fn", Tags={"team": "grün", "cost center": "1 +2"})
    after_tagging = tags(plane)
    untagged = plane.answer("UntagResource", Resource=ARN + "fn", TagKeys=["stage", "unknown", "cost center"])

    assert (tagged.status, untagged.status, tagged.body) == (204, 204, b"")
    assert after_tagging == {"team": "grün", "stage": "test", "cost center": "1 +2"}
    assert tags(plane) == {"team": "grün"}


def test_a_function_without_tags(plane: ControlPlane) -> None:
    plane.active()

    assert plane.call("ListTags", Resource=ARN + "fn") == {"Tags": {}}


def test_fifty_tags_are_the_limit(plane: ControlPlane) -> None:
    plane.active(Tags={f"key{number}": "" for number in range(50)})

    error = plane.refusal("TagResource", Resource=ARN + "fn", Tags={"one more": ""})
    plane.call("TagResource", Resource=ARN + "fn", Tags={"key0": "new"})

    assert str(error) == "Number of tags exceeds resource tag limit."


def test_no_tags_at_all_are_an_error(plane: ControlPlane) -> None:
    plane.active()

    error = plane.refusal("TagResource", Resource=ARN + "fn", Tags={})

    assert error.code == "InvalidParameterValueException"
    assert str(error) == "An error occurred and the request cannot be processed."


def test_untag_needs_keys(plane: ControlPlane) -> None:
    plane.active()

    error = plane.refusal("UntagResource", Resource=ARN + "fn")

    assert error.code == "ValidationException"
    assert str(error) == (
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize("qualifier", ["1", "$LATEST", "live"])
def test_only_functions_have_tags(plane: ControlPlane, qualifier: str) -> None:
    error = plane.refusal("ListTags", Resource=f"{ARN}fn:{qualifier}")

    assert str(error) == "Tags on function aliases and versions are not supported. Please specify a function ARN."


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (ARN + "gone", f"Function not found: {ARN}gone"),
        (
            f"{OTHERS}event-source-mapping:{UUID}",
            f"Event source mapping not found: {OTHERS}event-source-mapping:{UUID}",
        ),
        (f"{OTHERS}capacity-provider:cp", f"Capacity provider not found: {OTHERS}capacity-provider:cp"),
        (
            f"{OTHERS}code-signing-config:csc-{'a' * 17}",
            f"The Lambda code signing configuration {OTHERS}code-signing-config:csc-{'a' * 17} can not be found.",
        ),
    ],
)
def test_what_does_not_exist(plane: ControlPlane, resource: str, message: str) -> None:
    error = plane.refusal("ListTags", Resource=resource)

    assert error.body() == {"Type": "User", "Message": message}


def test_a_resource_is_named_by_its_arn(plane: ControlPlane) -> None:
    plane.active()

    error = plane.refusal("ListTags", Resource="fn")

    assert error.code == "ValidationException"
    assert str(error).startswith("1 validation error detected: Value 'fn' at 'resource' failed to satisfy constraint")

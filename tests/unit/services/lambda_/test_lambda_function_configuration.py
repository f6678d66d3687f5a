"""UpdateFunctionConfiguration: what is replaced, what is merged, what is taken away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.services.lambda_.control_plane import ARN, ControlPlane
from tests.unit.services.lambda_.goldens import assert_golden

VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}


def updated(plane: ControlPlane, **members: Any) -> dict[str, Any]:
    """The answer of an update that is then settled."""
    answer = plane.call("UpdateFunctionConfiguration", FunctionName="fn", **members)
    plane.settle()
    return answer


def test_members_that_are_not_given_stay(plane: ControlPlane) -> None:
    plane.active(Description="old", Environment={"Variables": {"KEY": "old"}})

    answer = updated(plane, Timeout=30, MemorySize=256)

    assert_golden("update_function_configuration", answer)


def test_an_update_without_members_is_an_update(plane: ControlPlane) -> None:
    plane.active()
    before = plane.call("GetFunctionConfiguration", FunctionName="fn")
    plane.clock.advance(1.5)

    answer = updated(plane)

    assert answer["LastUpdateStatus"] == "InProgress"
    assert answer["RevisionId"] != before["RevisionId"]
    assert answer["LastModified"] == "2027-01-15T08:00:01.500+0000"


def test_a_new_handler_retires_the_environments(plane: ControlPlane) -> None:
    plane.active()
    before = plane.record()

    updated(plane, Handler="app.other")

    after = plane.record()
    assert before is not None and after is not None
    assert after.versions["$LATEST"].handler == "app.other"
    assert after.versions["$LATEST"].generation != before.versions["$LATEST"].generation


@pytest.mark.parametrize(
    ("before", "change", "member", "after"),
    [
        ({"Environment": {"Variables": {"AA": "1"}}}, {"Environment": {}}, "Environment", {"Variables": {}}),
        ({"Environment": {"Variables": {"AA": "1"}}}, {}, "Environment", {"Variables": {"AA": "1"}}),
        ({"Description": "old"}, {"Description": ""}, "Description", ""),
        ({"KMSKeyArn": "arn:aws:kms:x:1:key/1"}, {"KMSKeyArn": ""}, "KMSKeyArn", None),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:x"}}, {"DeadLetterConfig": {}}, "DeadLetterConfig", None),
        ({"TracingConfig": {"Mode": "Active"}}, {"TracingConfig": {}}, "TracingConfig", {"Mode": "Active"}),
        ({"FileSystemConfigs": []}, {}, "FileSystemConfigs", None),
        ({}, {"Layers": []}, "Layers", None),
        (
            {"VpcConfig": VPC},
            {"VpcConfig": {"Ipv6AllowedForDualStack": True}},
            "VpcConfig",
            {**VPC, "VpcId": "", "Ipv6AllowedForDualStack": True},
        ),
        (
            {"VpcConfig": VPC},
            {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}},
            "VpcConfig",
            {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False},
        ),
        (
            {"Runtime": "python3.13"},
            {"SnapStart": {"ApplyOn": "PublishedVersions"}},
            "SnapStart",
            {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"},
        ),
    ],
    ids=str,
)
def test_a_member_changes(
    plane: ControlPlane, before: dict[str, Any], change: dict[str, Any], member: str, after: object
) -> None:
    plane.active(**before)

    assert updated(plane, **change).get(member) == after


def test_logging_is_merged_and_text_drops_the_levels(plane: ControlPlane) -> None:
    plane.active(LoggingConfig={"LogGroup": "/mine"})

    json = updated(plane, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    level = updated(plane, LoggingConfig={"ApplicationLogLevel": "ERROR"})
    text = updated(plane, LoggingConfig={"LogFormat": "Text"})

    assert json["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "WARN",
        "LogGroup": "/mine",
    }
    assert level["LoggingConfig"] == json["LoggingConfig"] | {"ApplicationLogLevel": "ERROR"}
    assert text["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/mine"}


def test_a_runtime_that_cannot_be_snapshot_is_refused_when_snap_start_is_on(plane: ControlPlane) -> None:
    plane.active(Runtime="python3.12", SnapStart={"ApplyOn": "PublishedVersions"})

    error = plane.refusal("UpdateFunctionConfiguration", FunctionName="fn", Runtime="python3.11")

    assert str(error) == "python3.11 is not supported for SnapStart enabled functions."


def test_a_deprecated_runtime_is_refused(plane: ControlPlane) -> None:
    plane.active()

    error = plane.refusal("UpdateFunctionConfiguration", FunctionName="fn", Runtime="python3.7")

    assert error.code == "InvalidParameterValueException"
    assert "no longer supported" in str(error)


def test_an_empty_runtime_is_an_unknown_one(plane: ControlPlane) -> None:
    plane.active()

    error = plane.refusal("UpdateFunctionConfiguration", FunctionName="fn", Runtime="")

    assert error.code == "InvalidParameterValueException"
    assert str(error).startswith(
        "Value  at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ["
    )


def test_a_stale_revision_is_refused(plane: ControlPlane) -> None:
    plane.active()

    assert plane.refusal("UpdateFunctionConfiguration", FunctionName="fn", RevisionId="old").status == 412


def test_update_of_an_unknown_function(plane: ControlPlane) -> None:
    error = plane.refusal("UpdateFunctionConfiguration", FunctionName="gone")

    assert str(error) == f"Function not found: {ARN}gone"

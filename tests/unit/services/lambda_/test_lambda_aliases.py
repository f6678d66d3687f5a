"""Aliases and their routing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.services.lambda_.control_plane import ARN, ControlPlane
from tests.unit.services.lambda_.goldens import assert_golden

RANGE = (
    "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
    "Member must have value greater than or equal to 0.0, Member must not be null]"
)
KEYS = (
    "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "
    "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]"
)


@pytest.fixture
def two_versions(plane: ControlPlane) -> ControlPlane:
    """A function ``fn`` with the versions 1 and 2."""
    plane.active(Publish=True)
    plane.call("UpdateFunctionConfiguration", FunctionName="fn", Timeout=9)
    plane.settle()
    plane.call("PublishVersion", FunctionName="fn")
    return plane


def routed(**weights: float) -> dict[str, Any]:
    return {"AdditionalVersionWeights": {key.removeprefix("v"): value for key, value in weights.items()}}


def alias(name: str = "live", version: str = "1", **members: Any) -> dict[str, Any]:
    return {"FunctionName": "fn", "Name": name, "FunctionVersion": version, **members}


def test_the_life_of_an_alias(two_versions: ControlPlane) -> None:
    created = two_versions.answer("CreateAlias", **alias())
    got = two_versions.call("GetAlias", FunctionName="fn", Name="live")
    updated = two_versions.call("UpdateAlias", **alias(version="2", Description="now 2", RoutingConfig=routed(v1=0.25)))
    deleted = two_versions.answer("DeleteAlias", FunctionName="fn", Name="live")
    again = two_versions.answer("DeleteAlias", FunctionName="fn", Name="live")

    assert (created.status, deleted.status, deleted.body, again.status) == (201, 204, b"", 204)
    assert_golden("get_alias", got)
    assert_golden("update_alias", updated)
    assert updated["RevisionId"] != got["RevisionId"]


def test_the_data_plane_sees_the_weights(two_versions: ControlPlane) -> None:
    two_versions.call("CreateAlias", **alias(RoutingConfig=routed(v2=0.1)))

    record = two_versions.record()

    assert record is not None
    assert (record.aliases["live"].version, record.aliases["live"].weights) == ("1", {"2": 0.1})


@pytest.mark.parametrize("clearing", [{}, {"AdditionalVersionWeights": {}}])
def test_an_empty_routing_clears_it(two_versions: ControlPlane, clearing: dict[str, Any]) -> None:
    two_versions.call("CreateAlias", **alias(RoutingConfig=routed(v2=0.1)))

    updated = two_versions.call("UpdateAlias", FunctionName="fn", Name="live", RoutingConfig=clearing)

    assert "RoutingConfig" not in updated


def test_an_update_keeps_what_it_does_not_name(two_versions: ControlPlane) -> None:
    two_versions.call("CreateAlias", **alias(Description="kept", RoutingConfig=routed(v2=0.1)))

    updated = two_versions.call("UpdateAlias", FunctionName="fn", Name="live")

    assert (updated["Description"], updated["RoutingConfig"]) == ("kept", routed(v2=0.1))
    assert updated["FunctionVersion"] == "1"


def test_an_alias_may_point_to_latest_without_routing(two_versions: ControlPlane) -> None:
    assert two_versions.call("CreateAlias", **alias(version="$LATEST"))["FunctionVersion"] == "$LATEST"


@pytest.mark.parametrize(
    ("members", "status", "body"),
    [
        (alias(RoutingConfig=routed(v2=0.1, v3=0.1)), 400, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        (
            alias(RoutingConfig=routed(v1=0.1)),
            400,
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        (
            alias(version="$LATEST", RoutingConfig=routed(v1=0.1)),
            400,
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (alias(version="7"), 404, f"Function not found: {ARN}fn:7"),
        (alias(RoutingConfig=routed(v7=0.1)), 404, f"Function not found: {ARN}fn:7"),
        ({**alias(), "FunctionName": "gone"}, 404, f"Function not found: {ARN}gone:1"),
        (
            alias(RoutingConfig={"AdditionalVersionWeights": {"$LATEST": 0.5}}),
            400,
            "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to "
            f"satisfy constraint: {KEYS}",
        ),
        (
            alias(RoutingConfig=routed(v2=1.5)),
            400,
            "1 validation error detected: Value '{2=1.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            f"constraint: {RANGE}",
        ),
        (
            alias(RoutingConfig=routed(v2=2)),
            400,
            "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            f"constraint: {RANGE}",
        ),
        (
            alias(name="1"),
            400,
            "1 validation error detected: Value '1' at 'name' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_an_alias_that_cannot_be(two_versions: ControlPlane, members: dict[str, Any], status: int, body: str) -> None:
    error = two_versions.refusal("CreateAlias", **members)

    assert (error.status, str(error)) == (status, body)


def test_aws_leaves_the_type_out_for_latest_with_routing(two_versions: ControlPlane) -> None:
    error = two_versions.refusal("CreateAlias", **alias(version="$LATEST", RoutingConfig=routed(v1=0.1)))

    assert error.body().keys() == {"message"}
    assert error.headers() == {"x-amzn-ErrorType": "InvalidParameterValueException"}


def test_a_name_is_taken_once(two_versions: ControlPlane) -> None:
    two_versions.call("CreateAlias", **alias())

    error = two_versions.refusal("CreateAlias", **alias())

    assert (error.status, str(error)) == (409, f"Alias already exists: {ARN}fn:live")


def test_a_new_primary_must_not_be_the_routed_version(two_versions: ControlPlane) -> None:
    two_versions.call("CreateAlias", **alias(RoutingConfig=routed(v2=0.1)))

    error = two_versions.refusal("UpdateAlias", **alias(version="2"))

    assert str(error) == "Invalid function version 2. Function version 2 is already included in routing configuration."


@pytest.mark.parametrize(
    ("name", "message"),
    [("GetAlias", "Cannot find alias arn: {arn}fn:gone"), ("UpdateAlias", "Alias not found: {arn}fn:gone")],
)
def test_an_alias_that_does_not_exist(two_versions: ControlPlane, name: str, message: str) -> None:
    error = two_versions.refusal(name, FunctionName="fn", Name="gone")

    assert (error.status, str(error)) == (404, message.format(arn=ARN))


@pytest.mark.parametrize("name", ["GetAlias", "UpdateAlias", "DeleteAlias"])
def test_an_alias_of_an_unknown_function(plane: ControlPlane, name: str) -> None:
    assert str(plane.refusal(name, FunctionName="gone", Name="live")) == f"Function not found: {ARN}gone"


def test_a_stale_revision_is_refused(two_versions: ControlPlane) -> None:
    revision = two_versions.call("CreateAlias", **alias())["RevisionId"]

    error = two_versions.refusal("UpdateAlias", FunctionName="fn", Name="live", RevisionId="other")
    two_versions.call("UpdateAlias", FunctionName="fn", Name="live", RevisionId=revision)

    assert error.status == 412


def test_the_list_can_ask_for_one_version(two_versions: ControlPlane) -> None:
    for name, version in (("b", "1"), ("a", "2"), ("c", "1")):
        two_versions.call("CreateAlias", **alias(name, version))

    everything = two_versions.call("ListAliases", FunctionName="fn")
    of_one = two_versions.call("ListAliases", FunctionName="fn", FunctionVersion="1")

    assert_golden("list_aliases", everything)
    assert [item["Name"] for item in of_one["Aliases"]] == ["b", "c"]


def test_the_list_has_pages(two_versions: ControlPlane) -> None:
    for name in "cab":
        two_versions.call("CreateAlias", **alias(name))

    first = two_versions.call("ListAliases", FunctionName="fn", MaxItems=2)
    second = two_versions.call("ListAliases", FunctionName="fn", MaxItems=2, Marker=first["NextMarker"])

    assert [item["Name"] for page in (first, second) for item in page["Aliases"]] == ["a", "b", "c"]
    assert "NextMarker" not in second

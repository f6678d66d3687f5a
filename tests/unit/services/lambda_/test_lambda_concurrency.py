"""Reserved concurrency, and the account settings that follow from it."""

from __future__ import annotations

import pytest

from tests.unit.services.lambda_.control_plane import ARN, ControlPlane, a_package
from tests.unit.services.lambda_.goldens import assert_golden

STARVED = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
    "below its minimum value of [100]."
)


def reserve(plane: ControlPlane, reserved: int, name: str = "fn") -> dict[str, int]:
    return plane.call("PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=reserved)


def test_put_get_delete(plane: ControlPlane) -> None:
    plane.active()

    unset = plane.call("GetFunctionConcurrency", FunctionName="fn")
    put = reserve(plane, 10)
    got = plane.call("GetFunctionConcurrency", FunctionName="fn")
    deleted = plane.answer("DeleteFunctionConcurrency", FunctionName="fn")

    assert unset == {}
    assert put == got == {"ReservedConcurrentExecutions": 10}
    assert (deleted.status, deleted.body) == (204, b"")
    assert plane.call("GetFunctionConcurrency", FunctionName="fn") == {}


def test_nothing_can_be_reserved_for_a_function(plane: ControlPlane) -> None:
    plane.active()

    assert reserve(plane, 0) == {"ReservedConcurrentExecutions": 0}

    record = plane.record()
    assert record is not None
    assert record.reserved_concurrency == 0


def test_a_hundred_stay_for_everybody_else(plane: ControlPlane) -> None:
    plane.active("one")
    plane.active("two")
    reserve(plane, 500, "one")
    reserve(plane, 400, "two")

    errors = [
        plane.refusal("PutFunctionConcurrency", FunctionName="two", ReservedConcurrentExecutions=reserved)
        for reserved in (401, 10**30)
    ]
    reserve(plane, 500, "one")

    assert {(error.code, str(error)) for error in errors} == {("InvalidParameterValueException", STARVED)}


def test_other_regions_have_limits_of_their_own(plane: ControlPlane) -> None:
    plane.active()
    reserve(plane, 900)

    plane.region = "us-east-1"
    plane.active()

    assert reserve(plane, 900) == {"ReservedConcurrentExecutions": 900}


def test_an_account_with_a_small_limit_can_still_stop_a_function(plane: ControlPlane) -> None:
    plane.concurrency_limit = 50
    plane.active()

    assert reserve(plane, 0) == {"ReservedConcurrentExecutions": 0}
    assert plane.refusal("PutFunctionConcurrency", FunctionName="fn", ReservedConcurrentExecutions=1).status == 400


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("PutFunctionConcurrency", ":$LATEST"), ("GetFunctionConcurrency", ""), ("DeleteFunctionConcurrency", "")],
)
def test_an_unknown_function(plane: ControlPlane, name: str, suffix: str) -> None:
    members = {"ReservedConcurrentExecutions": 1} if name.startswith("Put") else {}

    error = plane.refusal(name, FunctionName="gone", **members)

    assert (error.status, str(error)) == (404, f"Function not found: {ARN}gone{suffix}")


@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "live"])
def test_only_functions_have_reserved_concurrency(plane: ControlPlane, qualifier: str) -> None:
    error = plane.refusal("PutFunctionConcurrency", FunctionName=f"fn:{qualifier}", ReservedConcurrentExecutions=1)

    assert str(error) == (
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
        "Please specify either a function name or an unqualified function ARN."
    )


def test_account_settings_of_an_empty_account(plane: ControlPlane) -> None:
    assert_golden("account_settings", plane.call("GetAccountSettings"))


def test_account_settings_count_functions_and_the_code_of_every_version(stored_plane: ControlPlane) -> None:
    stored_plane.active("one", Publish=True)
    stored_plane.active("two")
    reserve(stored_plane, 100, "two")

    settings = stored_plane.call("GetAccountSettings")

    assert settings["AccountUsage"] == {"TotalCodeSize": 3 * len(a_package()), "FunctionCount": 2}
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 900

"""The bodies about what nothing here can make yet. Texts and checks are tested through the front door (tests/contract)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from raylambda.model.errors import LambdaError
from raylambda.services.lambda_.table import NOTHING_YET, OPERATIONS
from tests.unit.services.lambda_.control_plane import ARN, ControlPlane
from tests.unit.services.lambda_.goldens import assert_golden

SIGNING = ARN.replace(":function:", ":code-signing-config:csc-0123456789abcdefg")
LAYER = ARN.replace(":function:", ":layer:tools")
MODULES = {module.__name__ for module in NOTHING_YET}
NAMES = [row.name for row in OPERATIONS.values() if row.handler is not None and row.handler.__module__ in MODULES]

MEMBERS: dict[str, Any] = {
    "FunctionName": "fn",
    "LayerName": "tools",
    "VersionNumber": 7,
    "StatementId": "all",
    "UUID": "00000000-0000-0000-0000-000000000000",
    "CodeSigningConfigArn": SIGNING,
}
MORE: dict[str, dict[str, str]] = {
    "GetLayerVersionByArn": {"Arn": f"{LAYER}:7"},
    "GetProvisionedConcurrencyConfig": {"Qualifier": "live"},
    "DeleteProvisionedConcurrencyConfig": {"Qualifier": "live"},
}


def answered(plane: ControlPlane, name: str, members: dict[str, Any]) -> dict[str, Any]:
    """Status and body of an answer or an error."""
    row = OPERATIONS[name]
    needed = {key: value for key, value in MEMBERS.items() if f"{{{key}}}" in row.path}
    try:
        answer = plane.answer(name, **needed | MORE.get(name, {}) | members)
    except LambdaError as error:
        return {"status": error.status, "code": error.code, "body": error.body()}
    return {"status": answer.status, "body": json.loads(answer.body) if answer.body else ""}


@pytest.fixture
def function(plane: ControlPlane) -> ControlPlane:
    """With one function, a version and an alias."""
    plane.active(Publish=True)
    plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="1")
    return plane


def test_of_a_function_that_is_there(function: ControlPlane) -> None:
    assert_golden("none_yet", {name: answered(function, name, {}) for name in NAMES})


def test_of_a_function_that_is_not_there(plane: ControlPlane) -> None:
    about_functions = [name for name in NAMES if "{FunctionName}" in OPERATIONS[name].path]

    assert_golden(
        "none_yet_of_no_function",
        {name: answered(plane, name, {"FunctionName": "gone"}) for name in about_functions},
    )


def test_nothing_of_it_changes_anything(function: ControlPlane) -> None:
    before = function.changes()

    for name in NAMES:
        answered(function, name, {})

    assert function.changes() == before

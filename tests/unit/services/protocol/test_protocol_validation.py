"""AWS's validation grammar, and its deserialiser's complaints."""

from __future__ import annotations

from typing import Any

import pytest

from raylambda.model.errors import LambdaError
from raylambda.services.lambda_.table import INVOKE, OPERATIONS
from raylambda.services.protocol.dispatch import answer
from raylambda.services.protocol.operation import Operation
from tests.unit.services.lambda_.control_plane import ROLE, ControlPlane, a_function

NULL = "failed to satisfy constraint: Member must not be null"
VARIABLES = (
    "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
)
SUBNETS = (
    "Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length "
    "greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]"
)
ROLE_PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"


def send(plane: ControlPlane, name: str, body: bytes, **labels: str) -> LambdaError:
    """The error of a raw body."""
    with pytest.raises(LambdaError) as refusal:
        plane.send(OPERATIONS[name], labels, {}, body)
    return refusal.value


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"Role": None}, f"Value null at 'role' {NULL}"),
        (
            {"Role": "r"},
            f"Value 'r' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: {ROLE_PATTERN}",
        ),
        ({"Code": None}, f"Value null at 'code' {NULL}"),
        (
            {"FunctionName": "n" * 141},
            f"Value '{'n' * 141}' at 'functionName' failed to satisfy constraint: "
            "Member must have length less than or equal to 140",
        ),
        ({"Timeout": 0}, "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        (
            {"Timeout": 901},
            "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
        ),
        (
            {"MemorySize": 10241},
            "Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240",
        ),
        (
            {"EphemeralStorage": {"Size": 511}},
            "Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: "
            "Member must have value greater than or equal to 512",
        ),
        ({"EphemeralStorage": {}}, f"Value null at 'ephemeralStorage.size' {NULL}"),
        (
            {"Architectures": ["x86_64", "arm64"]},
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: "
            "Member must have length less than or equal to 1",
        ),
        (
            {"Architectures": ["X86_64"]},
            "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
            "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        ),
        (
            {"SnapStart": {"ApplyOn": "Always"}},
            "Value 'Always' at 'snapStart.applyOn' failed to satisfy constraint: "
            "Member must satisfy enum value set: [PublishedVersions, None]",
        ),
        (
            {"VpcConfig": {"SubnetIds": ["x", "y"]}},
            f"Value '[x, y]' at 'vpcConfig.subnetIds' failed to satisfy constraint: {SUBNETS}",
        ),
        (
            {"VpcConfig": {"SubnetIds": [None]}},
            "Value '[null]' at 'vpcConfig.subnetIds' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must not be null]",
        ),
        (
            {"Environment": {"Variables": {"A": "b", "OK": "c"}}},
            f"Value '{{A=b, OK=c}}' at 'environment.variables' failed to satisfy constraint: {VARIABLES}",
        ),
        (
            {"FileSystemConfigs": [{"LocalMountPath": "/mnt/a"}]},
            f"Value null at 'fileSystemConfigs.1.member.arn' {NULL}",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_one_broken_rule(plane: ControlPlane, members: dict[str, Any], complaint: str) -> None:
    error = plane.refusal("CreateFunction", **a_function(**members))

    assert (error.status, error.code) == (400, "ValidationException")
    assert error.body() == {"message": f"1 validation error detected: {complaint}"}


def test_every_broken_rule_is_said_at_once(plane: ControlPlane) -> None:
    error = plane.refusal("CreateFunction", Role=ROLE, FunctionName="", Timeout=0)

    complaints = str(error).removeprefix("4 validation errors detected: ").split("; ")
    assert [complaint.split(" failed")[0] for complaint in complaints] == [
        "Value '0' at 'timeout'",
        "Value '' at 'functionName'",
        "Value '' at 'functionName'",
        "Value null at 'code'",
    ]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Timeout": "3"}, "STRING_VALUE can not be converted to an Integer"),
        ({"Timeout": 3.5}, "DECIMAL_VALUE can not be converted to an Integer"),
        ({"Timeout": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"Description": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({"Description": False}, "FALSE_VALUE can not be converted to a String"),
        ({"Publish": "true"}, "STRING_VALUE can not be converted to a Boolean"),
        ({"Description": {}}, "Start of structure or map found where not expected."),
        ({"Description": []}, "Start of list found where not expected"),
        ({"Code": "x"}, "Expected null"),
        ({"Tags": "x"}, "Expected null"),
        ({"Layers": "x"}, "Expected list or null"),
        ({"Layers": [1]}, "NUMBER_VALUE can not be converted to a String"),
        ({"Environment": {"Variables": {"KEY": 1}}}, "NUMBER_VALUE can not be converted to a String"),
        ({"Code": {"ZipFile": "?"}}, "STRING_VALUE can not be converted to a Blob"),
        ({"Code": {"ZipFile": 1}}, "NUMBER_VALUE can not be converted to a Blob"),
    ],
    ids=str,
)
def test_json_of_the_wrong_type(plane: ControlPlane, members: dict[str, Any], message: str) -> None:
    error = plane.refusal("CreateFunction", **a_function(**members))

    assert (error.status, error.code, str(error)) == (400, "SerializationException", message)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"NaN",
        b'{"Timeout": NaN}',
        b'{"Timeout": -Infinity}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"Description": "a\\u0000b"}',
        b'{"Tags": {"a\\u0000b": ""}}',
        b'{"Layers": ["a\\u0000b"]}',
        b'{"Description": "\\ud800"}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_no_document(plane: ControlPlane, body: bytes) -> None:
    error = send(plane, "UpdateFunctionConfiguration", body, FunctionName="fn")

    assert (error.status, error.code) == (400, "SerializationException")


def test_nul_in_a_label_is_refused(plane: ControlPlane) -> None:
    assert send(plane, "GetFunction", b"", FunctionName="a\0b").status == 400


def test_an_empty_body_has_no_members(plane: ControlPlane) -> None:
    plane.active()

    published = plane.send(OPERATIONS["PublishVersion"], {"FunctionName": "fn"}, {}, b"")

    assert published.status == 201


def test_null_is_the_same_as_absent(plane: ControlPlane) -> None:
    created = plane.call("CreateFunction", **a_function(), Timeout=None, Environment=None, Tags=None)

    assert created["Timeout"] == 3
    assert "Environment" not in created


def test_members_that_aws_does_not_know_are_ignored_and_so_are_names_in_another_form(plane: ControlPlane) -> None:
    created = plane.call("CreateFunction", **a_function(), Colour="red", timeout=9, memory_size="x")

    assert (created["Timeout"], created["MemorySize"]) == (3, 128)


def test_the_path_names_the_function_and_not_the_body(plane: ControlPlane) -> None:
    plane.active()

    plane.send(OPERATIONS["PutFunctionConcurrency"], {"FunctionName": "fn"}, {}, b'{"FunctionName": "x", "ReservedConcurrentExecutions": 1}')  # fmt: skip

    assert plane.call("GetFunctionConcurrency", FunctionName="fn") == {"ReservedConcurrentExecutions": 1}


def test_a_body_is_of_no_interest_to_get(plane: ControlPlane) -> None:
    assert plane.send(OPERATIONS["ListFunctions"], {}, {}, b"{").status == 200


@pytest.mark.parametrize(
    ("max_items", "code"),
    [("0", "ValidationException"), ("10001", "ValidationException"), ("five", "SerializationException")],
)
def test_numbers_of_the_query_are_read_from_text(plane: ControlPlane, max_items: str, code: str) -> None:
    assert plane.refusal("ListFunctions", MaxItems=max_items).code == code
    assert plane.call("ListFunctions", MaxItems="5") == {"Functions": []}


def test_list_functions_knows_all_versions_only(plane: ControlPlane) -> None:
    error = plane.refusal("ListFunctions", FunctionVersion="invalid")

    assert error.body() == {
        "message": "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ALL]"
    }


def test_invocations_are_not_dispatched(plane: ControlPlane) -> None:
    operation: Operation = INVOKE

    with pytest.raises(ValueError, match="front door"):
        answer(operation, None, {}, {}, b"")  # type: ignore[arg-type]

"""The operation table against botocore's service model, the truth about Lambda's wire."""

from __future__ import annotations

import string
from collections.abc import Iterator
from types import NoneType
from typing import Any, NoReturn, get_args, get_type_hints

import botocore.session
import pytest
from botocore.model import Shape
from pydantic.fields import FieldInfo

from raylambda.model.names import Elements, Entries, Number, Text
from raylambda.model.runtime_names import DEPRECATED_RUNTIMES, SUPPORTED_RUNTIMES
from raylambda.services.lambda_.not_yet import NOT_YET, refusal
from raylambda.services.lambda_.table import NOTHING_YET, OPERATIONS, OWN_OPERATIONS, OWN_PREFIX
from raylambda.services.protocol.operation import Operation
from raylambda.services.protocol.wire import Wire

MODEL = botocore.session.get_session().get_service_model("lambda")
NOT_YET_AT_MOST = 38
"""May only shrink."""

HANDLED = [row for row in OPERATIONS.values() if row.handler is not None]
AWS_STATUS = {"DeleteFunction": 204}
"""Where AWS answers otherwise than its model says (lambda-reference.md 1)."""

AWS_OMITS = {"GetFunctionCodeSigningConfig": {"CodeSigningConfigArn", "FunctionName"}}
"""Members that AWS leaves out although its model requires them (lambda-reference.md 20, control plane)."""

NARROWER = {("Timeout", 900), ("MemorySize", 10240), ("Size", 10240)}
"""What AWS allows to functions that do not run on managed instances: (member, upper limit)."""

by_name = pytest.mark.parametrize("row", OPERATIONS.values(), ids=lambda row: row.name)
handled_by_name = pytest.mark.parametrize("row", HANDLED, ids=lambda row: row.name)


def test_every_operation_of_aws_is_either_served_or_named_as_missing() -> None:
    missing = {row.name for row in NOT_YET}

    assert OPERATIONS.keys() | missing == set(MODEL.operation_names)
    assert OPERATIONS.keys().isdisjoint(missing)
    assert len(MODEL.operation_names) == 91


def test_the_list_of_missing_operations_only_shrinks() -> None:
    assert len(NOT_YET) <= NOT_YET_AT_MOST
    assert len({row.name for row in NOT_YET}) == len(NOT_YET)


@pytest.mark.parametrize("row", [*OPERATIONS.values(), *NOT_YET], ids=lambda row: row.name)
def test_method_path_and_status_are_aws_s(row: Operation) -> None:
    http = MODEL.operation_model(row.name).http

    assert (row.method, row.uri) == (http["method"], http["requestUri"])
    assert row.status == AWS_STATUS.get(row.name, http["responseCode"])


def test_a_missing_operation_is_refused_by_name() -> None:
    error = refusal(NOT_YET[0])

    assert error.status == 501
    assert NOT_YET[0].name in str(error)


def test_only_invocations_are_left_to_the_front_door() -> None:
    assert {row.name for row in OPERATIONS.values() if row.handler is None} == {"Invoke", "InvokeAsync"}


def test_own_operations_are_outside_aws_s_paths() -> None:
    assert OWN_OPERATIONS
    assert all(row.path.startswith(OWN_PREFIX) and row.handler is not None for row in OWN_OPERATIONS.values())


@handled_by_name
def test_members_of_the_request_are_where_aws_has_them(row: Operation) -> None:
    shape = MODEL.operation_model(row.name).input_shape
    members = {} if shape is None else shape.members
    located = {(member.serialization.get("location"), name_of(member, name)) for name, member in members.items()}

    assert set(labels_of(row)) == {name for location, name in located if location == "uri"}
    assert set(row.query) == {name for location, name in located if location == "querystring"}


@handled_by_name
def test_every_member_that_aws_takes_is_known_and_none_other(row: Operation) -> None:
    shape = MODEL.operation_model(row.name).input_shape

    assert list(differences(row.request, shape, "")) == []
    assert required(row.request) == set(shape.required_members if shape else ())


@handled_by_name
def test_every_member_of_the_response_is_aws_s(row: Operation) -> None:
    answer = get_type_hints(row.handler)["return"]
    shape = MODEL.operation_model(row.name).output_shape
    if answer is NoReturn:
        assert row.handler.__module__ in {module.__name__ for module in NOTHING_YET}
    elif answer is NoneType:
        assert row.status == 204
    else:
        assert list(strangers(answer, shape, "")) == []
        assert set(shape.required_members) - AWS_OMITS.get(row.name, set()) <= required(answer)


@handled_by_name
def test_constraints_are_aws_s(row: Operation) -> None:
    shape = MODEL.operation_model(row.name).input_shape

    found = [] if shape is None else list(other_limits(row.request, shape, ""))

    assert found == []


def labels_of(row: Operation) -> list[str]:
    return [label for _, label, _, _ in string.Formatter().parse(row.path) if label]


def name_of(member: Shape, name: str) -> str:
    return member.serialization.get("name", name)


def members_of(wire: type[Wire]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in wire.model_fields.items()}


def required(wire: type[Wire]) -> set[str]:
    return {name for name, field in members_of(wire).items() if field.is_required()}


def nested(annotation: Any) -> type[Wire] | None:
    """The wire model inside ``X | None`` or ``list[X]``."""
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return annotation
    found = (nested(argument) for argument in get_args(annotation))
    return next((wire for wire in found if wire is not None), None)


def structure(shape: Shape) -> Shape | None:
    if shape.type_name == "list":
        return structure(shape.member)
    return shape if shape.type_name == "structure" else None


def differences(wire: type[Wire], shape: Shape | None, path: str) -> Iterator[str]:
    """Members that one side has and the other has not; a member of the type Any is refused whole, so it has no inside."""
    theirs = {} if shape is None else shape.members
    ours = members_of(wire)
    yield from (f"{path}.{name}" for name in ours.keys() ^ theirs.keys())
    for name in ours.keys() & theirs.keys():
        inner = structure(theirs[name])
        if inner is not None and ours[name].annotation is not Any:
            inside = nested(ours[name].annotation)
            assert inside is not None, f"{path}.{name} must be a model"
            yield from differences(inside, inner, f"{path}.{name}")


def strangers(wire: type[Wire], shape: Shape, path: str) -> Iterator[str]:
    """Members that AWS does not have."""
    for name, field in members_of(wire).items():
        if name not in shape.members:
            yield f"{path}.{name}"
            continue
        inside, inner = nested(field.annotation), structure(shape.members[name])
        if inside is not None and inner is not None:
            yield from strangers(inside, inner, f"{path}.{name}")


def other_limits(wire: type[Wire], shape: Shape, path: str) -> Iterator[str]:
    for name, field in members_of(wire).items():
        theirs = shape.members[name]
        inside, inner = nested(field.annotation), structure(theirs)
        if inside is not None and inner is not None:
            yield from other_limits(inside, inner, f"{path}.{name}")
        limits = constraints(field)
        if not limits and limited(theirs) and name != "Runtime" and field.annotation is not Any:
            yield f"{path}.{name}: has no limit"
        for limit in limits:
            yield from (f"{path}.{name}: {difference}" for difference in compared(name, limit, theirs))


def limited(shape: Shape) -> bool:
    return not shape.metadata.keys().isdisjoint({"min", "max", "pattern", "enum"})


def constraints(field: FieldInfo) -> list[Any]:
    """Of the member itself, or inside its ``X | None``."""
    inside = [meta for argument in get_args(field.annotation) for meta in getattr(argument, "__metadata__", ())]
    return [item for item in [*field.metadata, *inside] if isinstance(item, Text | Number | Elements | Entries)]


def compared(name: str, limit: Any, shape: Shape) -> Iterator[str]:
    match limit:
        case Elements(each=Text() as each):
            yield from compared(name, each, shape.member)
        case Entries():
            yield from compared(name, limit.keys, shape.key) if limit.keys else ()
            yield from compared(name, limit.values, shape.value) if limit.values else ()
            return
    theirs = {key: shape.metadata.get(key) for key in ("min", "max", "pattern", "enum")}
    ours = {
        "min": limit.least,
        "max": limit.most,
        "pattern": getattr(limit, "pattern", None),
        "enum": list(getattr(limit, "values", ())) or None,
    }
    for key, value in ours.items():
        if value != theirs[key] and (name, value) not in NARROWER:
            yield f"{key} is {value!r} and not {theirs[key]!r}"


def test_runtimes_are_aws_s() -> None:
    """Unknown ones are refused under another code than other enums, so they are no constraint of the wire."""
    runtimes = MODEL.operation_model("CreateFunction").input_shape.members["Runtime"].enum

    assert {*SUPPORTED_RUNTIMES, *DEPRECATED_RUNTIMES} == set(runtimes) - {"custom"}


def test_only_documented_members_are_narrower_than_the_model() -> None:
    create = MODEL.operation_model("CreateFunction").input_shape.members
    limits = {"Timeout": create["Timeout"], "MemorySize": create["MemorySize"]}
    limits["Size"] = create["EphemeralStorage"].members["Size"]

    assert all(limits[name].metadata["max"] > most for name, most in NARROWER)

"""Whatever a client sends, the control plane answers or refuses it; nothing else comes out, and no refusal leaves a trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raylambda.model.errors import LambdaError
from raylambda.services.lambda_.table import OPERATIONS, OWN_OPERATIONS
from raylambda.services.protocol.dispatch import Answer
from raylambda.services.protocol.operation import Operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.changes import newest_change
from tests.plugins.databases import migrated
from tests.unit.services.lambda_.control_plane import ARN, ROLE, ControlPlane, a_function, labels_of, zip_member

HANDLED = [row for row in (*OPERATIONS.values(), *OWN_OPERATIONS.values()) if row.handler is not None]
LAYER = ARN.replace(":function:", ":layer:tools")
SIGNING = ARN.replace(":function:", ":code-signing-config:csc-0123456789abcdefg")
LIKELY = [
    *("fn", "gone", "fn:1", "fn:$LATEST", "fn:live", ARN + "fn", ARN + "fn:live", "live", "1", "2", "$LATEST", "ALL"),
    *(
        ROLE,
        "python3.11",
        "python3.12",
        "java8",
        "app.handler",
        "JSON",
        "Text",
        "INFO",
        "x86_64",
        "arm64",
        "Zip",
        "None",
    ),
    *(
        "PublishedVersions",
        "Active",
        "subnet-1",
        "sg-1",
        "bucket",
        "key",
        "5",
        "0",
        "",
        zip_member(),
        "WyJmbiJd",
        "-",
        "\0",
    ),
]

texts = st.sampled_from(LIKELY) | st.text(max_size=20)
scalars = texts | st.integers() | st.floats() | st.booleans() | st.none()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=12
)


def member_names(model: type[Wire]) -> list[str]:
    """The names of all members at any depth, so that random documents hit them."""
    names = []
    for name, field in model.model_fields.items():
        names.append(field.alias or name)
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, Wire):
                names += member_names(part)
    return names


VALID: dict[str, dict[str, Any]] = {
    "CreateFunction": a_function("new"),
    "UpdateFunctionCode": {"ZipFile": zip_member("x = 1")},
    "CreateAlias": {"Name": "new", "FunctionVersion": "1"},
    "PutFunctionConcurrency": {"ReservedConcurrentExecutions": 3},
    "TagResource": {"Tags": {"team": "blue"}},
}
"""Bodies that succeed, for operations that need one; random members are then put over them."""

LABELS = {
    "FunctionName": ["fn", "fn:1", ARN + "fn", "gone"],
    "Name": ["live", "new", "gone"],
    "Resource": [ARN + "fn"],
    "UUID": ["00000000-0000-0000-0000-000000000000"],
    "LayerName": ["tools", LAYER],
    "VersionNumber": ["1", "0", "-1"],
    "StatementId": ["all"],
    "CodeSigningConfigArn": [SIGNING, SIGNING.replace("eu-central-1", "eu-west-1")],
}


def bodies_of(row: Operation) -> st.SearchStrategy[bytes]:
    members = st.sampled_from(member_names(row.request) or ["Name"])
    inner = documents | st.dictionaries(members, documents, max_size=4)
    changes = st.dictionaries(members, inner, max_size=2)
    changed = changes.map(lambda change: VALID.get(row.name, {}) | change)
    return changed.map(encoded) | documents.map(encoded) | st.binary(max_size=40)


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def queries_of(row: Operation) -> st.SearchStrategy[dict[str, list[str]]]:
    return st.dictionaries(st.sampled_from([*row.query, "Other"]), st.lists(texts, max_size=3), max_size=2)


@pytest.fixture
def plane() -> ControlPlane:
    plane = ControlPlane(migrated())
    plane.buckets[("bucket", "key", None)] = b"PK not really"
    restore(plane)
    return plane


@pytest.mark.parametrize("row", HANDLED, ids=lambda row: row.name)
def test_every_input_is_answered_or_refused(plane: ControlPlane, row: Operation) -> None:
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def one_request(data: st.DataObject) -> None:
        labels = {label: data.draw(st.sampled_from(LABELS[label]) | texts, label=label) for label in labels_of(row)}
        query = data.draw(queries_of(row), label="query")
        body = data.draw(bodies_of(row), label="body")

        before = newest(plane)
        try:
            refusal_or_answer(plane, lambda: plane.send(row, labels, query, body))
            check(plane)
        finally:
            if newest(plane) != before:
                restore(plane)

    one_request()


def restore(plane: ControlPlane) -> None:
    """One function with a version and an alias, whatever the last request did."""
    for function in plane.call("ListFunctions")["Functions"]:
        plane.call("DeleteFunction", FunctionName=function["FunctionName"])
    plane.active(Publish=True)
    plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="1")


def newest(plane: ControlPlane) -> int:
    with plane.database.reading() as session:
        return newest_change(session)


def refusal_or_answer(plane: ControlPlane, act: Callable[[], Answer]) -> None:
    before = newest(plane)
    try:
        answer = act()
    except LambdaError as error:
        assert 400 <= error.status < 500
        assert error.code
        json.dumps(error.body())
        assert newest(plane) == before
        return
    assert 200 <= answer.status < 300
    assert (answer.status == 204) == (answer.body == b"")
    if answer.body:
        json.loads(answer.body)


def check(plane: ControlPlane) -> None:
    """What is stored is what the data plane can read and the API can print."""
    for function in plane.call("ListFunctions")["Functions"]:
        name = function["FunctionName"]
        plane.settle(name)
        record = plane.record(name)
        assert record is not None
        assert "$LATEST" in record.versions
        for alias in record.aliases.values():
            assert {alias.version, *alias.weights} <= record.versions.keys()
        plane.call("GetFunction", FunctionName=name)

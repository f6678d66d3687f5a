"""Random requests after our own OpenAPI document, and beside it: no input makes a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raylambda.frontdoor.auth.signature import AnyKey
from raylambda.frontdoor.routing import split_path
from raylambda.services.lambda_.table import OPERATIONS, OWN_OPERATIONS
from tests.builders import a_zip
from tests.plugins.frontdoor import ACCOUNT, Served, a_front_door, serving

ROWS = [row for row in (*OPERATIONS.values(), *OWN_OPERATIONS.values()) if row.handler is not None]
MEMBERS = sorted({spec.alias or name for row in ROWS for name, spec in row.request.model_fields.items()})

# One server for the module and every example: what an example leaves behind is one more input for the next.
FUZZ = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A front door without signatures that has one function called ``hello``."""
    door = a_front_door(tmp_path_factory.mktemp("fuzz"), authenticator=AnyKey(ACCOUNT, "us-east-1"))
    with serving(door) as served:
        served.client().create_function(
            FunctionName="hello",
            Runtime="python3.11",
            Handler="app.handler",
            Role="arn:aws:iam::123456789012:role/worker",
            Code={"ZipFile": a_zip({"app.py": "handler = print\n"})},
            Publish=True,
        )
        yield served


@pytest.fixture(scope="module")
def http(target: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=target.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def described(target: Served) -> Any:
    return schemathesis.openapi.from_url(f"{target.url}/_raylambda/openapi.json")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(data=st.data())
@settings(FUZZ, max_examples=20)
def test_what_the_document_describes_never_fails(described: Any, row: Any, data: st.DataObject) -> None:
    case = data.draw(described[row.uri][row.method].as_strategy())

    answer = case.call(timeout=60)

    assert answer.status_code < 500, answer.text
    assert "x-amzn-requestid" in answer.headers


def test_the_document_has_every_operation(http: httpx.Client) -> None:
    document = http.get("/_raylambda/openapi.json").json()

    found = {entry["operationId"] for methods in document["paths"].values() for entry in methods.values()}

    assert found == {row.name for row in ROWS}


names = st.one_of(
    st.just("hello"),
    st.sampled_from(["hello:$LATEST", "hello:1", "function:hello", "arn:aws:lambda:us-east-1:123456789012:function:hello"]),
    st.text(max_size=200),
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50), names, st.just("\ud800"), st.just(10**40)
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(), inner, max_size=3)
)  # fmt: skip
documents = st.dictionaries(st.sampled_from(MEMBERS), values, max_size=6)
bodies = st.one_of(documents.map(lambda document: json.dumps(document).encode()), values.map(json.dumps).map(str.encode), st.binary(max_size=100))  # fmt: skip
queries = st.dictionaries(
    st.sampled_from(["Qualifier", "Marker", "MaxItems", "FunctionVersion", "MasterRegion", "tagKeys", "since", "limit"]) | st.text(max_size=5),
    st.text(max_size=20) | names,
    max_size=3,
)  # fmt: skip


def path_of(row: Any, labels: list[str]) -> str:
    given_labels = iter(labels)
    parts = (
        quote(_utf8(next(given_labels)), safe="") if part.startswith("{") else part for part in split_path(row.path)
    )
    return "/" + "/".join(parts)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@given(
    row=st.sampled_from(ROWS),
    labels=st.lists(names.filter(bool), min_size=3, max_size=3),
    query=queries,
    body=bodies,
)
@settings(FUZZ, max_examples=400)
def test_random_members_never_fail(
    http: httpx.Client, row: Any, labels: list[str], query: dict[str, str], body: bytes
) -> None:
    pairs = "&".join(f"{quote(_utf8(name))}={quote(_utf8(value))}" for name, value in query.items())
    answer = http.request(row.method, f"{path_of(row, labels)}?{pairs}", content=body)

    assert answer.status_code < 500, (answer.text, row.name, body)


header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40) | st.sampled_from(
    ["Event", "RequestResponse", "DryRun", "Tail", "e30="]
)


@given(
    name=names.filter(bool),
    query=queries,
    headers=st.dictionaries(
        st.sampled_from(["X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amz-Client-Context", "X-Amzn-Trace-Id", "Authorization", "X-Amz-Date"]),
        header_values,
    ),
    body=bodies,
)  # fmt: skip
@settings(FUZZ, max_examples=200)
def test_random_invocations_never_fail(
    http: httpx.Client, name: str, query: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    pairs = "&".join(f"{quote(_utf8(key))}={quote(_utf8(value))}" for key, value in query.items())
    path = f"/2015-03-31/functions/{quote(_utf8(name), safe='')}/invocations?{pairs}"
    answer = http.post(path, content=body, headers={key: value.strip() for key, value in headers.items()})

    assert answer.status_code < 500, answer.text

"""Raw paths and what they match."""

from __future__ import annotations

from typing import Any

import pytest

from raylambda.frontdoor.routing import PathTemplate, parse_query, split_path

ALIAS = "/2015-03-31/functions/{FunctionName}/aliases/{Name}"


def a_scope(raw_path: str, method: str = "GET", query: str = "", kind: str = "http") -> dict[str, Any]:
    return {"type": kind, "method": method, "raw_path": raw_path.encode("latin-1"), "query_string": query.encode()}


@pytest.mark.parametrize(
    ("raw_path", "labels"),
    [
        ("/2015-03-31/functions/hello/aliases/live", {"FunctionName": "hello", "Name": "live"}),
        ("/2015-03-31/functions/hello/aliases/live/", {"FunctionName": "hello", "Name": "live"}),
        ("/2015-03-31/functions/a%3Ab/aliases/a%2Fb", {"FunctionName": "a:b", "Name": "a/b"}),
        ("/2015-03-31/functions/a%253Ab/aliases/%24LATEST", {"FunctionName": "a%3Ab", "Name": "$LATEST"}),
        ("/2015-03-31/functions/a+b/aliases/%FF", {"FunctionName": "a+b", "Name": "\ufffd"}),
        ("/2015-03-31/functions/hello/aliases/", None),
        ("/2015-03-31/functions//aliases/live", None),
        ("/2015-03-31/functions/../aliases/live", None),
        ("/2015-03-31/functions/hello/aliases/.", None),
        ("/2015-03-31/functions/hello/aliases/live//", None),
        ("/2015-03-31/functions/hello/versions/live", None),
        ("2015-03-31/functions/hello/aliases/live", {"FunctionName": "hello", "Name": "live"}),
        ("", None),
    ],
)
def test_labels_of_a_raw_path(raw_path: str, labels: dict[str, str] | None) -> None:
    assert PathTemplate("GET", ALIAS).labels(a_scope(raw_path)) == labels


def test_the_method_must_be_the_same() -> None:
    template = PathTemplate("GET", "/2015-03-31/functions")

    assert template.labels(a_scope("/2015-03-31/functions", "HEAD")) is None
    assert template.labels(a_scope("/2015-03-31/functions", kind="websocket")) is None
    assert template.labels(a_scope("/2015-03-31/functions")) == {}


@pytest.mark.parametrize(
    ("query", "selected"), [("List=ALL", True), ("a&List=x&List=ALL", True), ("List=all", False), ("", False)]
)
def test_a_query_parameter_selects(query: str, selected: bool) -> None:
    template = PathTemplate("GET", "/provisioned", ("List", "ALL"))

    assert (template.labels(a_scope("/provisioned", query=query)) is not None) == selected


def test_splitting_keeps_what_is_inside() -> None:
    assert split_path("/a//b/") == ("a", "", "b")
    assert split_path("/") == ("",)


def test_a_query_keeps_all_values() -> None:
    assert parse_query(b"tagKeys=a&tagKeys=b%2Fc&empty=&bare&%24=+") == {
        "tagKeys": ["a", "b/c"],
        "empty": [""],
        "bare": [""],
        "$": [" "],
    }

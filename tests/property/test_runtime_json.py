"""Results as JSON: the shipped runtime's encoder against ``simplejson``, which AWS's client uses."""

from __future__ import annotations

import collections
import enum
import importlib
import sys
from types import ModuleType
from typing import Any

import pytest
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
from hypothesis import given
from hypothesis import strategies as st

from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE

Pair = collections.namedtuple("Pair", "left right")


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


@pytest.fixture(scope="module")
def marshalling() -> ModuleType:
    sys.path.insert(0, str(BOOTSTRAP_SOURCE))
    try:
        return importlib.import_module("python_runtime_json")
    finally:
        sys.path.remove(str(BOOTSTRAP_SOURCE))


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
unusual = st.sampled_from([Number.ONE, Text("own"), b"bytes", object(), {1, 2}, range(2)]) | st.decimals() | st.binary()
keys = st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.binary() | st.tuples(st.integers())


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(keys, inner, max_size=4)
            | st.tuples(inner, inner)
            | st.builds(Pair, inner, inner)
            | st.builds(collections.OrderedDict, st.dictionaries(st.text(), inner, max_size=2))
        ),
        max_leaves=12,
    )


def outcome(marshal: Any, value: Any) -> tuple[str, str]:
    try:
        body, content_type = marshal(value)
    except Exception as error:
        return ("fault", getattr(error, "msg", None) or str(error))
    return (content_type, body if isinstance(body, str) else body.decode("utf-8", "surrogatepass"))


@given(value=nested(plain | unusual).filter(lambda value: not isinstance(value, bytes)))
def test_results_are_written_as_aws_writes_them(value: Any, marshalling: ModuleType) -> None:
    ours = outcome(marshalling.Marshaller(None).response, value)
    aws = outcome(LambdaMarshaller().marshal_response, value)

    assert ours == aws


texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


@given(value=json_values, runtime=st.sampled_from(["AWS_Lambda_python3.11", "AWS_Lambda_python3.13"]))
def test_json_values_come_back_as_they_were(value: Any, runtime: str, marshalling: ModuleType) -> None:
    marshaller = marshalling.Marshaller(runtime)

    assert marshaller.event(*marshaller.response(value)) == value

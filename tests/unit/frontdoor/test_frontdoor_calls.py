"""What makes a call: payloads and trace ids (the rest is tested over HTTP, with boto3)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.frontdoor.arrival import Arrival
from raylambda.frontdoor.calls import InvocationType as Type
from raylambda.frontdoor.calls import checked_payload, make_trace_id, read_address, read_call
from raylambda.model.errors import InvalidParameterValueException, InvalidRequestContentException, ValidationException
from raylambda.model.invocation import Call
from raylambda.model.principal import Principal

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def an_arrival(function_name: str = "hello", **headers: str) -> Arrival:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Arrival(
        "id", Principal("123456789012", "us-east-1", "AKID"), {"FunctionName": function_name}, {}, named, b"1"
    )


def the_call(arrival: Arrival, kind: Type) -> Call:
    return read_call(arrival, read_address(arrival, kind), kind, lambda: "made")


@given(json_values)
def test_every_json_text_is_a_payload(value: object) -> None:
    payload = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")

    assert checked_payload(payload) == payload


@pytest.mark.parametrize("payload", [b"9" * 10_000, b"1e999", b'"\\ud800"', b" [1] \n", b"-0"])
def test_unusual_json_is_a_payload_too(payload: bytes) -> None:
    assert checked_payload(payload) == payload


@pytest.mark.parametrize(
    "payload",
    [
        b" ",
        b"{",
        b"{}{}",
        b"'a'",
        b"NaN",
        b"[Infinity]",
        b"\xff",
        b"\xef\xbb\xbf1",
        b"1\x00",
        b'"\n"',
        b"[" * 99_999,
        b"01",
    ],
)
def test_everything_else_is_none(payload: bytes) -> None:
    with pytest.raises(InvalidRequestContentException, match="Could not parse request body into json: Could not parse"):
        checked_payload(payload)


def test_a_trace_id_has_the_form_of_aws() -> None:
    trace_id = make_trace_id(1_800_000_000.5, lambda size: bytes(range(size)))

    assert trace_id == "Root=1-6b49d200-000102030405060708090a0b;Parent=0c0d0e0f10111213;Sampled=0"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", True),
        ("Root=1-a;Lineage=1:2", True),
        ("nonsense", False),
        ("Root=\u20ac", False),
        ("Root=" + "x" * 2000, False),
    ],
)
def test_a_clients_trace_id_is_kept_when_it_is_one(header: str, kept: bool) -> None:
    call = the_call(an_arrival(x_amzn_trace_id=header), Type.REQUEST_RESPONSE)

    assert call.trace_id == (header if kept else "made")


def test_the_tail_is_for_synchronous_calls() -> None:
    assert the_call(an_arrival(x_amz_log_type="Tail"), Type.REQUEST_RESPONSE).tail
    assert not the_call(an_arrival(x_amz_log_type="Tail"), Type.EVENT).tail


def test_everything_that_is_wrong_with_a_call_is_said_at_once() -> None:
    arrival = an_arrival("a b", x_amz_log_type="Head")

    with pytest.raises(ValidationException) as raised:
        read_address(arrival, "Later")

    text = str(raised.value)
    assert text.startswith("3 validation errors detected: Value 'a b' at 'functionName' failed to satisfy constraint: ")
    assert text.endswith(
        "; Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: "
        "[Event, RequestResponse, DryRun]; Value 'Head' at 'logType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [None, Tail]"
    )


@pytest.mark.parametrize(
    ("header", "member"),
    [("x_amz_durable_execution_name", "DurableExecutionName"), ("x_amz_tenant_id", "TenantId")],
)
def test_what_would_be_another_call_is_refused(header: str, member: str) -> None:
    arrival = an_arrival(**{header: "mine"})

    with pytest.raises(InvalidParameterValueException, match=f"{member} is not supported"):
        read_address(arrival, Type.REQUEST_RESPONSE)

"""From a request to a ``Call``: the rules of lambda-reference.md 7 for what an invocation may look like. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NoReturn

from raylambda.frontdoor.arrival import Arrival
from raylambda.frontdoor.bodies import BodyLimit
from raylambda.frontdoor.refused_json.structure import json_complaint
from raylambda.model.addressing import Address, locate
from raylambda.model.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    RequestTooLargeException,
)
from raylambda.model.invocation import Call
from raylambda.model.limits import ASYNC_PAYLOAD_BYTES, CLIENT_CONTEXT_BYTES, SYNC_PAYLOAD_BYTES
from raylambda.model.names import NAMESPACED_NAME, QUALIFIER, Text
from raylambda.model.validation_text import check_members

_TRACE_ID = re.compile(r"(?=.*Root=)[!-~ ]{1,1024}")  # it becomes a header of the guest's and of our own answer


class InvocationType(StrEnum):
    """``X-Amz-Invocation-Type``, in the order in which AWS lists the values."""

    EVENT = "Event"
    REQUEST_RESPONSE = "RequestResponse"
    DRY_RUN = "DryRun"


_EXPLAINED_BYTES: Final = 131_072
_INVOCATION_TYPE = Text(values=tuple(InvocationType))
_LOG_TYPE = Text(values=("None", "Tail"))
_NOT_YET = (("x-amz-durable-execution-name", "DurableExecutionName"), ("x-amz-tenant-id", "TenantId"))
"""Ignoring these would run another call than was asked for."""


def payload_limit(invocation_type: str) -> BodyLimit:
    """The limit for an invocation type; what is no type at all is refused later, with its principal known."""
    kind = InvocationType.EVENT if invocation_type == InvocationType.EVENT else InvocationType.REQUEST_RESPONSE
    limit = ASYNC_PAYLOAD_BYTES if kind is InvocationType.EVENT else SYNC_PAYLOAD_BYTES

    def refuse(size: int) -> RequestTooLargeException:
        return RequestTooLargeException(
            f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        )

    return BodyLimit(limit, refuse)


def read_address(arrival: Arrival, invocation_type: str) -> Address:
    """Which function is meant. Raises what is wrong with the members, so that ``invocation_type`` is one when it returns."""
    function_name, qualifier = arrival.labels["FunctionName"], arrival.parameter("Qualifier")
    check_members(
        ("functionName", function_name, NAMESPACED_NAME),
        ("qualifier", qualifier, QUALIFIER),
        ("invocationType", invocation_type, _INVOCATION_TYPE),
        ("logType", arrival.headers.get("x-amz-log-type"), _LOG_TYPE),
    )
    for header, member in _NOT_YET:
        if header in arrival.headers:
            raise InvalidParameterValueException(f"{member} is not supported by raylambda yet.")
    return locate(arrival.principal, function_name, qualifier)


def read_call(
    arrival: Arrival, address: Address, invocation_type: InvocationType, new_trace_id: Callable[[], str]
) -> Call:
    """What the client asks of the function at ``address``; raises ``InvalidRequestContentException``."""
    synchronous = invocation_type is InvocationType.REQUEST_RESPONSE
    trace_id = arrival.headers.get("x-amzn-trace-id", "")
    return Call(
        account=address.account,
        region=address.region,
        name=address.name,
        qualifier=address.qualifier,
        request_id=arrival.request_id,
        payload=checked_payload(arrival.body),
        trace_id=trace_id if _TRACE_ID.fullmatch(trace_id) else new_trace_id(),
        client_context=_client_context(arrival.headers.get("x-amz-client-context")) if synchronous else None,
        tail=synchronous and arrival.headers.get("x-amz-log-type") == "Tail",
        principal=arrival.principal,
    )


def checked_payload(payload: bytes) -> bytes:
    """The payload if it is JSON, ``{}`` for an empty one; raises ``InvalidRequestContentException`` with AWS's text.

    AWS's text costs a look at every byte, so a long payload is refused in the words of Python's parser.
    """
    if not payload:
        return b"{}"
    try:
        _STRICT.decode(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        complaint = json_complaint(payload) if len(payload) <= _EXPLAINED_BYTES else str(error)
        if complaint is not None:
            raise InvalidRequestContentException(
                f"Could not parse request body into json: Could not parse payload into json: {complaint}"
            ) from None
    return payload


def make_trace_id(now: float, random_bytes: Callable[[int], bytes]) -> str:
    """``Root=1-<8 hex: time>-<24 hex>;Parent=<16 hex>;Sampled=0``."""
    digits = random_bytes(20).hex()
    return f"Root=1-{int(now):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"


def _client_context(header: str | None) -> str | None:
    """The decoded JSON text."""
    if header is None:
        return None
    if len(header) > CLIENT_CONTEXT_BYTES:
        raise InvalidRequestContentException(f"Client context must be at most {CLIENT_CONTEXT_BYTES} bytes.")
    try:
        text = base64.b64decode(header, validate=True).decode("utf-8")
        document = _STRICT.decode(text)
    except (ValueError, RecursionError, binascii.Error):
        document = None
    if not isinstance(document, dict):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
    return text


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


# Numbers stay text: nobody reads them here, and Python refuses to convert very long ones.
_STRICT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)

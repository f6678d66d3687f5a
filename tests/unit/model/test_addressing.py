"""Which function a client means, and what it may not say."""

from __future__ import annotations

import pytest

from raylambda.model.addressing import AccountAddress, Address, locate, refuse_published, refuse_qualified
from raylambda.model.errors import (
    InvalidParameterValueException,
    LambdaError,
    ResourceNotFoundException,
    ValidationException,
)
from raylambda.model.principal import Principal

PRINCIPAL = Principal("123456789012", "eu-central-1", "AKID")
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:fn"


@pytest.mark.parametrize(
    ("name", "qualifier", "address"),
    [
        ("fn", None, Address("123456789012", "eu-central-1", "fn")),
        ("fn", "live", Address("123456789012", "eu-central-1", "fn", "live")),
        ("fn:live", None, Address("123456789012", "eu-central-1", "fn", "live")),
        ("fn:live", "live", Address("123456789012", "eu-central-1", "fn", "live")),
        (ARN + ":7", None, Address("123456789012", "eu-central-1", "fn", "7")),
        ("210987654321:function:fn", None, Address("210987654321", "eu-central-1", "fn")),
    ],
)
def test_a_name_is_an_address(name: str, qualifier: str | None, address: Address) -> None:
    assert locate(PRINCIPAL, name, qualifier) == address


@pytest.mark.parametrize(
    ("name", "qualifier", "error", "text"),
    [
        ("a b", None, ValidationException, "1 validation error detected: Value 'a b' at 'functionName' failed"),
        ("fn:live", "7", InvalidParameterValueException, "The derived qualifier from the function name does not match"),
        (
            ARN.replace("eu-central-1", "us-east-1"),
            None,
            ResourceNotFoundException,
            r"Functions from 'us-east-1' are not reachable in this region \('eu-central-1'\)",
        ),
    ],
)
def test_what_is_no_address(name: str, qualifier: str | None, error: type[LambdaError], text: str) -> None:
    with pytest.raises(error, match=text):
        locate(PRINCIPAL, name, qualifier)


def test_the_arn_has_the_clients_qualifier_or_another() -> None:
    address = locate(PRINCIPAL, "fn:live")

    assert address.arn == ARN + ":live"
    assert address.qualified_arn("7") == ARN + ":7"
    assert address.qualified_arn(None) == ARN
    assert AccountAddress("123456789012", "eu-central-1").arn == "arn:aws:lambda:eu-central-1:123456789012:*"


@pytest.mark.parametrize(
    ("name", "whole_function", "unpublished"),
    [("fn", True, True), ("fn:$LATEST", False, True), ("fn:7", False, False), ("fn:live", False, False)],
)
def test_some_operations_take_whole_functions_or_the_unpublished_version_only(
    name: str, whole_function: bool, unpublished: bool
) -> None:
    address = locate(PRINCIPAL, name)

    for refuse, allowed in ((refuse_qualified, whole_function), (refuse_published, unpublished)):
        if allowed:
            refuse(address)
        else:
            with pytest.raises(InvalidParameterValueException, match="permitted on Lambda functions only"):
                refuse(address)

"""Without policies an account may do everything with its own, and nothing with another's."""

from __future__ import annotations

import pytest

from raylambda.frontdoor.auth.authorization import authorize
from raylambda.model.errors import AccessDeniedException
from raylambda.model.principal import Principal

ROOT = Principal("123456789012", "us-east-1", "AKID")


@pytest.mark.parametrize("resource", ["function:hello", "function:hello:live", "*"])
def test_everything_within_the_account_is_allowed(resource: str) -> None:
    authorize(ROOT, "lambda:DeleteFunction", f"arn:aws:lambda:us-east-1:123456789012:{resource}")


def test_nothing_of_another_account_is() -> None:
    resource = "arn:aws:lambda:us-east-1:210987654321:function:hello:live"

    with pytest.raises(AccessDeniedException) as refused:
        authorize(ROOT, "lambda:GetFunction", resource)

    assert str(refused.value) == (
        f"User: arn:aws:iam::123456789012:root is not authorized to perform this operation on resource: {resource}"
    )

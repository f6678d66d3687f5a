"""Which resource a client means (lambda-reference.md 5, names, ARNs, qualifiers). Pure: whether it exists is not asked here.

A name may say another account than the principal's: whether that is allowed is for ``frontdoor.auth.authorization`` to say,
which everything that names a resource passes before anybody looks it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from raylambda.model.arn import account_arn, account_of, function_arn, parse_function_reference, region_of
from raylambda.model.errors import InvalidParameterValueException, ResourceNotFoundException, ValidationException
from raylambda.model.function import LATEST
from raylambda.model.names import NAME_LENGTH, NAMESPACED_NAME
from raylambda.model.principal import Principal
from raylambda.model.validation_text import complaint, detected

_FUNCTIONS_ONLY = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)


class Resource(Protocol):
    """What something is done to, in one account and region; ``arn`` is what a policy would name."""

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def arn(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AccountAddress:
    """All that an account has in a region: lists and limits are about this."""

    account: str
    region: str

    @property
    def arn(self) -> str:
        return account_arn(self.region, self.account)


@dataclass(frozen=True, slots=True)
class NamedResource:
    """What is neither an account nor a function: a layer or its version, a mapping, a code signing configuration."""

    arn: str

    @property
    def account(self) -> str:
        return account_of(self.arn)

    @property
    def region(self) -> str:
        return region_of(self.arn)


@dataclass(frozen=True, slots=True)
class Address:
    """A function; ``qualifier`` is the one that the client used."""

    account: str
    region: str
    name: str
    qualifier: str | None = None

    @property
    def arn(self) -> str:
        """The ARN as the client qualified it."""
        return self.qualified_arn(self.qualifier)

    def qualified_arn(self, qualifier: str | None) -> str:
        """The function's ARN with another qualifier, or with none."""
        return function_arn(self.region, self.account, self.name, qualifier)


def locate(principal: Principal, function_name: str, qualifier: str | None = None) -> Address:
    """Read a ``FunctionName`` that matches AWS's pattern, with the ``Qualifier`` parameter.

    Raises ``ValidationException`` (no name at all), ``InvalidParameterValueException`` (two different qualifiers) and
    ``ResourceNotFoundException`` (another region). A name that is too long is one that no function has.
    """
    reference = parse_function_reference(function_name)
    if reference is None:
        rule = f"Member must satisfy regular expression pattern: {NAMESPACED_NAME.pattern}"
        raise ValidationException(detected([complaint("functionName", function_name, rule)]))
    if qualifier is not None and reference.qualifier not in {None, qualifier}:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    if reference.region not in {None, principal.region}:
        raise ResourceNotFoundException(
            f"Functions from '{reference.region}' are not reachable in this region ('{principal.region}')"
        )
    account = reference.account or principal.account
    return Address(account, principal.region, reference.name, qualifier or reference.qualifier)


def refuse_long(address: Address) -> None:
    """For a function that is to be: raise ``InvalidParameterValueException`` for a name that no function may have."""
    if len(address.name) > NAME_LENGTH:
        rule = f"Member must have length less than or equal to {NAME_LENGTH}"
        raise InvalidParameterValueException(detected([complaint("functionName", address.name, rule)]))


def refuse_qualified(address: Address) -> None:
    """For operations on whole functions: raise ``InvalidParameterValueException`` for a name with any qualifier."""
    if address.qualifier is not None:
        raise InvalidParameterValueException(_FUNCTIONS_ONLY)


def refuse_published(address: Address) -> None:
    """For operations on the unpublished version: no qualifier but ``$LATEST`` is taken."""
    if address.qualifier not in {None, LATEST}:
        raise InvalidParameterValueException(_FUNCTIONS_ONLY)

"""Which function and version a client means (lambda-reference.md 5, names, ARNs, qualifiers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from raylambda.model.arn import function_arn, parse_function_reference
from raylambda.model.errors import (
    AccessDeniedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
    ValidationException,
)
from raylambda.model.function import LATEST
from raylambda.model.names import NAME_LENGTH, NAMESPACED_NAME
from raylambda.services.protocol.operation import Context
from raylambda.services.protocol.validation import violation
from raylambda.store.tables import AliasRow, FunctionRow, FunctionVersionRow

_FUNCTIONS_ONLY = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)


@dataclass(frozen=True, slots=True)
class Address:
    """A function of the caller's own account and region; ``qualifier`` is the one that the client used."""

    account: str
    region: str
    name: str
    qualifier: str | None = None

    def arn(self, qualifier: str | None = None) -> str:
        """The function's ARN, with ``qualifier`` when given."""
        return function_arn(self.region, self.account, self.name, qualifier)


class Caller(Protocol):
    """Whoever asks, for resources of one account in one region: a ``Context``, and the front door's caller."""

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...


def locate(caller: Caller, function_name: str, qualifier: str | None = None) -> Address:
    """Read a ``FunctionName`` that matches AWS's pattern, with the ``Qualifier`` parameter.

    Raises ``InvalidParameterValueException`` (name too long, two different qualifiers), ``ResourceNotFoundException``
    (another region) and ``AccessDeniedException`` (another account).
    """
    reference = parse_function_reference(function_name)
    if reference is None:
        rule = f"Member must satisfy regular expression pattern: {NAMESPACED_NAME.pattern}"
        raise ValidationException(violation("functionName", function_name, rule))
    if len(reference.name) > NAME_LENGTH:
        rule = f"Member must have length less than or equal to {NAME_LENGTH}"
        raise InvalidParameterValueException(violation("functionName", reference.name, rule))
    if qualifier is not None and reference.qualifier not in {None, qualifier}:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    if reference.region not in {None, caller.region}:
        raise ResourceNotFoundException(
            f"Functions from '{reference.region}' are not reachable in this region ('{caller.region}')"
        )
    if reference.account not in {None, caller.account}:
        arn = function_arn(caller.region, str(reference.account), reference.name, reference.qualifier)
        raise AccessDeniedException(
            f"User: arn:aws:iam::{caller.account}:root is not authorized to perform this operation on resource: {arn}"
        )
    return Address(caller.account, caller.region, reference.name, qualifier or reference.qualifier)


def locate_unqualified(context: Context, function_name: str) -> Address:
    """As ``locate``; a name with any qualifier is refused."""
    address = locate(context, function_name)
    if address.qualifier is not None:
        raise InvalidParameterValueException(_FUNCTIONS_ONLY)
    return address


def locate_latest(context: Context, function_name: str) -> Address:
    """As ``locate``, for operations on the unpublished version: no qualifier but ``$LATEST`` is taken."""
    address = locate(context, function_name)
    if address.qualifier not in {None, LATEST}:
        raise InvalidParameterValueException(_FUNCTIONS_ONLY)
    return address


def find_function(context: Context, address: Address) -> FunctionRow | None:
    """The function's row."""
    return context.session.get(FunctionRow, (address.account, address.region, address.name))


def find_version(context: Context, address: Address, version: str) -> FunctionVersionRow | None:
    """The row of ``$LATEST`` or a number."""
    return context.session.get(FunctionVersionRow, (address.account, address.region, address.name, version))


def find_alias(context: Context, address: Address, alias: str) -> AliasRow | None:
    """The row of an alias."""
    return context.session.get(AliasRow, (address.account, address.region, address.name, alias))


def load_function(context: Context, address: Address) -> FunctionRow:
    """The function's row; raises ``ResourceNotFoundException`` with the qualifier that the client used."""
    row = find_function(context, address)
    if row is None:
        raise not_found(address, address.qualifier)
    return row


def load_version(context: Context, address: Address) -> FunctionVersionRow:
    """The row of the version that the qualifier names, through an alias if it is one; raises ``ResourceNotFoundException``."""
    version = address.qualifier or LATEST
    row = find_version(context, address, version)
    if row is None and (alias := find_alias(context, address, version)) is not None:
        row = find_version(context, address, alias.version)
    if row is None:
        raise not_found(address, address.qualifier)
    return row


def load_latest(context: Context, address: Address) -> FunctionVersionRow:
    """The row of ``$LATEST``; raises ``ResourceNotFoundException`` that names the function without qualifier."""
    row = find_version(context, address, LATEST)
    if row is None:
        raise not_found(address)
    return row


def not_found(address: Address, qualifier: str | None = None) -> ResourceNotFoundException:
    """AWS's ``Function not found``."""
    return ResourceNotFoundException(f"Function not found: {address.arn(qualifier)}")

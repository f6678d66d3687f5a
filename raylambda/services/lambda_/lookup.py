"""From a request to the resource that it names, and from a resource to its rows.

``function_of``, ``version_of`` and ``account_of`` are what an operation's row says its ``resource`` is: dispatch calls one,
has it authorized and hands it to the operation. ``find_...`` give a row or ``None``; ``load_...`` raise AWS's 404.
"""

from __future__ import annotations

from typing import Any

from raylambda.model.addressing import AccountAddress, Address, locate
from raylambda.model.errors import ResourceNotFoundException
from raylambda.model.function import LATEST
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import LambdaContext
from raylambda.store.tables import AliasRow, FunctionRow, FunctionVersionRow


def function_of(principal: Principal, request: Any) -> Address:
    """The function that the request's ``function_name`` means."""
    return locate(principal, request.function_name)


def version_of(principal: Principal, request: Any) -> Address:
    """As ``function_of``, for requests that have a ``qualifier`` beside the name."""
    return locate(principal, request.function_name, request.qualifier)


def account_of(principal: Principal, _request: Any) -> AccountAddress:
    """The principal's own account, in the region that it asks."""
    return AccountAddress(principal.account, principal.region)


def find_function(context: LambdaContext, address: Address) -> FunctionRow | None:
    """The function's row."""
    return context.session.get(FunctionRow, (address.account, address.region, address.name))


def find_version(context: LambdaContext, address: Address, version: str) -> FunctionVersionRow | None:
    """The row of ``$LATEST`` or a number."""
    return context.session.get(FunctionVersionRow, (address.account, address.region, address.name, version))


def find_alias(context: LambdaContext, address: Address, alias: str) -> AliasRow | None:
    """The row of an alias."""
    return context.session.get(AliasRow, (address.account, address.region, address.name, alias))


def load_function(context: LambdaContext, address: Address) -> FunctionRow:
    """The function's row; raises ``ResourceNotFoundException`` without the qualifier that the client used, as AWS does."""
    row = find_function(context, address)
    if row is None:
        raise not_found(address, None)
    return row


def load_version(context: LambdaContext, address: Address) -> FunctionVersionRow:
    """The row of the version that the qualifier names, through an alias if it is one.

    Raises ``ResourceNotFoundException`` with the qualifier, if the function itself is there.
    """
    load_function(context, address)
    version = address.qualifier or LATEST
    row = find_version(context, address, version)
    if row is None and (alias := find_alias(context, address, version)) is not None:
        row = find_version(context, address, alias.version)
    if row is None:
        raise not_found(address, address.qualifier)
    return row


def load_latest(context: LambdaContext, address: Address) -> FunctionVersionRow:
    """The row of ``$LATEST``; raises ``ResourceNotFoundException`` that names the function without qualifier."""
    row = find_version(context, address, LATEST)
    if row is None:
        raise not_found(address, None)
    return row


def refuse_absent(context: LambdaContext, address: Address, qualifier: str) -> None:
    """For what hangs on a version or an alias: raise ``ResourceNotFoundException`` when there is neither of this name."""
    if find_version(context, address, qualifier) is not None or find_alias(context, address, qualifier) is not None:
        return
    if not qualifier.isdecimal():
        raise alias_not_found(address, qualifier)
    raise not_found(address, qualifier if find_function(context, address) is not None else None)


def no_such_resource() -> ResourceNotFoundException:
    """AWS's text about whatever is neither a function nor a part of one."""
    return ResourceNotFoundException("The resource you requested does not exist.")


def alias_not_found(address: Address, alias: str) -> ResourceNotFoundException:
    """AWS's text about an alias that is not there, whether or not its function is."""
    return ResourceNotFoundException(f"Cannot find alias arn: {address.qualified_arn(alias)}")


def not_found(address: Address, qualifier: str | None) -> ResourceNotFoundException:
    """AWS's ``Function not found``."""
    return ResourceNotFoundException(f"Function not found: {address.qualified_arn(qualifier)}")

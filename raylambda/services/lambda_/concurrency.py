"""Reserved concurrency of a function (lambda-reference.md 5, concurrency API, and 13)."""

from __future__ import annotations

from sqlmodel import col, func, select

from raylambda.model.errors import InvalidParameterValueException
from raylambda.model.function import LATEST
from raylambda.model.limits import UNRESERVED_CONCURRENCY_MINIMUM
from raylambda.model.names import FunctionName, ReservedConcurrency
from raylambda.services.lambda_.addressing import (
    Address,
    find_function,
    load_function,
    locate_unqualified,
    not_found,
)
from raylambda.services.protocol.operation import Context, operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.changes import ChangeKind, record_change
from raylambda.store.tables import FunctionRow


class PutFunctionConcurrencyRequest(Wire):
    function_name: FunctionName
    reserved_concurrent_executions: ReservedConcurrency


class FunctionConcurrencyRequest(Wire):
    function_name: FunctionName


class Concurrency(Wire):
    reserved_concurrent_executions: int | None = None


def total_reserved(context: Context, apart_from: str | None = None) -> int:
    """What the functions of the account in this region have reserved together, without the one named ``apart_from``."""
    total = select(func.sum(col(FunctionRow.reserved_concurrency))).where(
        FunctionRow.account == context.account, FunctionRow.region == context.region, FunctionRow.name != apart_from
    )
    return context.session.exec(total).one() or 0


def _load(context: Context, address: Address) -> FunctionRow:
    row = find_function(context, address)
    if row is None:
        raise not_found(address, LATEST)
    return row


def _refuse_starvation(context: Context, address: Address, reserved: int) -> None:
    """At least 100 must stay for everybody else; reserving nothing takes nothing away."""
    left = context.concurrency_limit - total_reserved(context, address.name) - reserved
    if reserved > 0 and left < UNRESERVED_CONCURRENCY_MINIMUM:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED_CONCURRENCY_MINIMUM}]."
        )


@operation("PUT", "/2017-10-31/functions/{FunctionName}/concurrency")
def put_function_concurrency(context: Context, request: PutFunctionConcurrencyRequest) -> Concurrency:
    address = locate_unqualified(context, request.function_name)
    row = _load(context, address)
    _refuse_starvation(context, address, request.reserved_concurrent_executions)
    row.reserved_concurrency = request.reserved_concurrent_executions
    record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)
    return Concurrency(reserved_concurrent_executions=row.reserved_concurrency)


@operation("GET", "/2019-09-30/functions/{FunctionName}/concurrency")
def get_function_concurrency(context: Context, request: FunctionConcurrencyRequest) -> Concurrency:
    address = locate_unqualified(context, request.function_name)
    row = load_function(context, address)
    return Concurrency(reserved_concurrent_executions=row.reserved_concurrency)


@operation("DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", status=204)
def delete_function_concurrency(context: Context, request: FunctionConcurrencyRequest) -> None:
    address = locate_unqualified(context, request.function_name)
    row = load_function(context, address)
    row.reserved_concurrency = None
    record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)

"""Reserved concurrency of a function (lambda-reference.md 5, concurrency API, and 13)."""

from __future__ import annotations

from sqlmodel import col, func, select

from raylambda.model.addressing import Address, Resource, refuse_qualified
from raylambda.model.errors import UntypedInvalidParameterValue
from raylambda.model.function import LATEST
from raylambda.model.limits import UNRESERVED_CONCURRENCY_MINIMUM
from raylambda.model.names import FunctionName, ReservedConcurrency
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import (
    find_function,
    function_of,
    load_function,
    not_found,
)
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.tables import FunctionRow


class PutFunctionConcurrencyRequest(Wire):
    function_name: FunctionName
    reserved_concurrent_executions: ReservedConcurrency


class FunctionConcurrencyRequest(Wire):
    function_name: FunctionName


class Concurrency(Wire):
    reserved_concurrent_executions: int | None = None


def total_reserved(context: LambdaContext, resource: Resource, apart_from: str | None = None) -> int:
    """What the functions of the resource's account and region have reserved together, without the one named ``apart_from``."""
    total = select(func.sum(col(FunctionRow.reserved_concurrency))).where(
        FunctionRow.account == resource.account, FunctionRow.region == resource.region, FunctionRow.name != apart_from
    )
    return context.session.exec(total).one() or 0


def _refuse_starvation(context: LambdaContext, address: Address, reserved: int) -> None:
    """At least 100 must stay for everybody else; reserving nothing takes nothing away."""
    left = context.parts.concurrency_limit - total_reserved(context, address, address.name) - reserved
    if reserved > 0 and left < UNRESERVED_CONCURRENCY_MINIMUM:
        raise UntypedInvalidParameterValue(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED_CONCURRENCY_MINIMUM}]."
        )


@operation("PUT", "/2017-10-31/functions/{FunctionName}/concurrency", function_of)
def put_function_concurrency(
    context: LambdaContext, request: PutFunctionConcurrencyRequest, address: Address
) -> Concurrency:
    refuse_qualified(address)
    row = find_function(context, address)
    if row is None:
        raise not_found(address, LATEST)
    _refuse_starvation(context, address, request.reserved_concurrent_executions)
    row.reserved_concurrency = request.reserved_concurrent_executions
    context.record_change(address)
    return Concurrency(reserved_concurrent_executions=row.reserved_concurrency)


@operation("GET", "/2019-09-30/functions/{FunctionName}/concurrency", function_of)
def get_function_concurrency(
    context: LambdaContext, request: FunctionConcurrencyRequest, address: Address
) -> Concurrency:
    refuse_qualified(address)
    row = load_function(context, address)
    return Concurrency(reserved_concurrent_executions=row.reserved_concurrency)


@operation("DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", function_of, status=204)
def delete_function_concurrency(context: LambdaContext, request: FunctionConcurrencyRequest, address: Address) -> None:
    refuse_qualified(address)
    row = load_function(context, address)
    row.reserved_concurrency = None
    context.record_change(address)

"""How asynchronous events of a function are retried and where they go (lambda-reference.md 5): none can be set yet."""

from __future__ import annotations

from typing import NoReturn

from raylambda.model import names
from raylambda.model.addressing import Address
from raylambda.model.errors import ResourceNotFoundException
from raylambda.model.function import LATEST
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import find_function, function_of, version_of
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import refuse_marker
from raylambda.services.protocol.wire import Wire


class FunctionEventInvokeConfigRequest(Wire):
    function_name: names.NamespacedFunctionName
    qualifier: names.Qualifier | None = None


class ListFunctionEventInvokeConfigsRequest(Wire):
    function_name: names.NamespacedFunctionName
    marker: str | None = None
    max_items: names.FewItems | None = None


class ListFunctionEventInvokeConfigsResponse(Wire):
    function_event_invoke_configs: list[Wire]


def _unset(address: Address) -> ResourceNotFoundException:
    """AWS says the same when the function is not there."""
    arn = address.qualified_arn(address.qualifier or LATEST)
    return ResourceNotFoundException(f"The function {arn} doesn't have an EventInvokeConfig")


@operation("GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config", version_of, query=("Qualifier",))
def get_function_event_invoke_config(
    context: LambdaContext, request: FunctionEventInvokeConfigRequest, address: Address
) -> NoReturn:
    raise _unset(address)


@operation(
    "DELETE", "/2019-09-25/functions/{FunctionName}/event-invoke-config", version_of, status=204, query=("Qualifier",)
)
def delete_function_event_invoke_config(
    context: LambdaContext, request: FunctionEventInvokeConfigRequest, address: Address
) -> NoReturn:
    raise _unset(address)


@operation(
    "GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config/list", function_of, query=("Marker", "MaxItems")
)
def list_function_event_invoke_configs(
    context: LambdaContext, request: ListFunctionEventInvokeConfigsRequest, address: Address
) -> ListFunctionEventInvokeConfigsResponse:
    refuse_marker(request.marker)
    if find_function(context, address) is None:
        raise ResourceNotFoundException("The function doesn't exist.")
    return ListFunctionEventInvokeConfigsResponse(function_event_invoke_configs=[])

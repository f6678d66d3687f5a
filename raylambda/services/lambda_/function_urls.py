"""Function URLs (lambda-reference.md 5 and 16): none can be made yet. AWS names neither the function nor the alias that lacks one."""

from __future__ import annotations

from typing import NoReturn

from raylambda.model import names
from raylambda.model.addressing import Address
from raylambda.model.errors import ResourceNotFoundException
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import find_function, function_of, no_such_resource, version_of
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import refuse_marker
from raylambda.services.protocol.wire import Wire


class FunctionUrlConfigRequest(Wire):
    function_name: names.UrlFunctionName
    qualifier: names.UrlQualifier | None = None


class ListFunctionUrlConfigsRequest(Wire):
    function_name: names.UrlFunctionName
    marker: str | None = None
    max_items: names.FewItems | None = None


class ListFunctionUrlConfigsResponse(Wire):
    function_url_configs: list[Wire]


@operation("GET", "/2021-10-31/functions/{FunctionName}/url", version_of, query=("Qualifier",))
def get_function_url_config(context: LambdaContext, request: FunctionUrlConfigRequest, address: Address) -> NoReturn:
    raise no_such_resource()


@operation("DELETE", "/2021-10-31/functions/{FunctionName}/url", version_of, status=204, query=("Qualifier",))
def delete_function_url_config(context: LambdaContext, request: FunctionUrlConfigRequest, address: Address) -> NoReturn:
    raise no_such_resource()


@operation("GET", "/2021-10-31/functions/{FunctionName}/urls", function_of, query=("Marker", "MaxItems"))
def list_function_url_configs(
    context: LambdaContext, request: ListFunctionUrlConfigsRequest, address: Address
) -> ListFunctionUrlConfigsResponse:
    refuse_marker(request.marker)
    if find_function(context, address) is None:
        raise ResourceNotFoundException("Function does not exist")
    return ListFunctionUrlConfigsResponse(function_url_configs=[])

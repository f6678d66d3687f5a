"""What happens to a function that calls itself without end (lambda-reference.md 5): AWS's default, as long as nothing else can be set."""

from __future__ import annotations

from raylambda.model import names
from raylambda.model.addressing import Address
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import function_of, load_function
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire


class GetFunctionRecursionConfigRequest(Wire):
    function_name: names.UnqualifiedFunctionName


class GetFunctionRecursionConfigResponse(Wire):
    recursive_loop: str


@operation("GET", "/2024-08-31/functions/{FunctionName}/recursion-config", function_of)
def get_function_recursion_config(
    context: LambdaContext, request: GetFunctionRecursionConfigRequest, address: Address
) -> GetFunctionRecursionConfigResponse:
    load_function(context, address)
    return GetFunctionRecursionConfigResponse(recursive_loop="Terminate")

"""When the runtime of a function is updated (lambda-reference.md 5): AWS's default, as long as nothing else can be set."""

from __future__ import annotations

from raylambda.model import names
from raylambda.model.addressing import Address
from raylambda.model.function import LATEST
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import load_version, version_of
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire


class GetRuntimeManagementConfigRequest(Wire):
    function_name: names.NamespacedFunctionName
    qualifier: names.Qualifier | None = None


class GetRuntimeManagementConfigResponse(Wire):
    update_runtime_on: str
    function_arn: str


@operation("GET", "/2021-07-20/functions/{FunctionName}/runtime-management-config", version_of, query=("Qualifier",))
def get_runtime_management_config(
    context: LambdaContext, request: GetRuntimeManagementConfigRequest, address: Address
) -> GetRuntimeManagementConfigResponse:
    load_version(context, address)
    arn = address.qualified_arn(address.qualifier or LATEST)
    return GetRuntimeManagementConfigResponse(update_runtime_on="Auto", function_arn=arn)

"""Code signing configurations (lambda-reference.md 5 and 20): none can be made yet, and no function has one."""

from __future__ import annotations

from typing import Any, NoReturn

from raylambda.model import names
from raylambda.model.addressing import AccountAddress, Address, NamedResource
from raylambda.model.errors import ResourceNotFoundException
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import account_of, function_of, load_function
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import refuse_marker
from raylambda.services.protocol.wire import Wire

_PATH = "/2020-04-22/code-signing-configs"
_OF_FUNCTION = "/2020-06-30/functions/{FunctionName}/code-signing-config"


class ListCodeSigningConfigsRequest(Wire):
    marker: str | None = None
    max_items: names.MaxItems | None = None


class CodeSigningConfigRequest(Wire):
    code_signing_config_arn: names.CodeSigningConfigArn


class ListFunctionsByCodeSigningConfigRequest(Wire):
    code_signing_config_arn: names.CodeSigningConfigArn
    marker: str | None = None
    max_items: names.MaxItems | None = None


class FunctionCodeSigningConfigRequest(Wire):
    function_name: names.NamespacedFunctionName


class ListCodeSigningConfigsResponse(Wire):
    code_signing_configs: list[Wire]


class GetFunctionCodeSigningConfigResponse(Wire):
    """Empty, although the service model requires members: so AWS answers for a function without a configuration."""


def _config_of(_principal: Principal, request: Any) -> NamedResource:
    return NamedResource(request.code_signing_config_arn)


def _unknown(config: NamedResource) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"The Lambda code signing configuration {config.arn} can not be found.")


@operation("GET", _PATH, account_of, query=("Marker", "MaxItems"))
def list_code_signing_configs(
    context: LambdaContext, request: ListCodeSigningConfigsRequest, account: AccountAddress
) -> ListCodeSigningConfigsResponse:
    refuse_marker(request.marker)
    return ListCodeSigningConfigsResponse(code_signing_configs=[])


@operation("GET", f"{_PATH}/{{CodeSigningConfigArn}}", _config_of)
def get_code_signing_config(
    context: LambdaContext, request: CodeSigningConfigRequest, config: NamedResource
) -> NoReturn:
    raise _unknown(config)


@operation("DELETE", f"{_PATH}/{{CodeSigningConfigArn}}", _config_of, status=204)
def delete_code_signing_config(
    context: LambdaContext, request: CodeSigningConfigRequest, config: NamedResource
) -> NoReturn:
    raise _unknown(config)


@operation("GET", f"{_PATH}/{{CodeSigningConfigArn}}/functions", _config_of, query=("Marker", "MaxItems"))
def list_functions_by_code_signing_config(
    context: LambdaContext, request: ListFunctionsByCodeSigningConfigRequest, config: NamedResource
) -> NoReturn:
    raise _unknown(config)


@operation("GET", _OF_FUNCTION, function_of)
def get_function_code_signing_config(
    context: LambdaContext, request: FunctionCodeSigningConfigRequest, address: Address
) -> GetFunctionCodeSigningConfigResponse:
    load_function(context, address)
    return GetFunctionCodeSigningConfigResponse()


@operation("DELETE", _OF_FUNCTION, function_of, status=204)
def delete_function_code_signing_config(
    context: LambdaContext, request: FunctionCodeSigningConfigRequest, address: Address
) -> None:
    load_function(context, address)

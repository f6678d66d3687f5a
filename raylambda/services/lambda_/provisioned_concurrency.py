"""Provisioned concurrency of versions and aliases (lambda-reference.md 5, concurrency API): none can be asked for yet."""

from __future__ import annotations

from typing import NoReturn

from raylambda.model import names
from raylambda.model.addressing import Address
from raylambda.model.errors import InvalidParameterValueException, ProvisionedConcurrencyConfigNotFoundException
from raylambda.model.function import LATEST
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import function_of, load_function, refuse_absent, version_of
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import refuse_marker
from raylambda.services.protocol.wire import Wire

_PATH = "/2019-09-30/functions/{FunctionName}/provisioned-concurrency"


class ProvisionedConcurrencyConfigRequest(Wire):
    function_name: names.FunctionName
    qualifier: names.PublishedQualifier


class ListProvisionedConcurrencyConfigsRequest(Wire):
    function_name: names.FunctionName
    marker: str | None = None
    max_items: names.FewItems | None = None


class ListProvisionedConcurrencyConfigsResponse(Wire):
    provisioned_concurrency_configs: list[Wire]


def _check_published(context: LambdaContext, address: Address, qualifier: str) -> None:
    """Raise AWS's errors unless ``qualifier`` is an alias or a number that the function has."""
    if qualifier == LATEST:
        raise InvalidParameterValueException("The function resource provided must be an alias or a published version.")
    refuse_absent(context, address, qualifier)


@operation("GET", _PATH, version_of, query=("Qualifier",))
def get_provisioned_concurrency_config(
    context: LambdaContext, request: ProvisionedConcurrencyConfigRequest, address: Address
) -> NoReturn:
    _check_published(context, address, request.qualifier)
    raise ProvisionedConcurrencyConfigNotFoundException("No Provisioned Concurrency Config found for this function")


@operation("DELETE", _PATH, version_of, status=204, query=("Qualifier",))
def delete_provisioned_concurrency_config(
    context: LambdaContext, request: ProvisionedConcurrencyConfigRequest, address: Address
) -> None:
    _check_published(context, address, request.qualifier)


@operation("GET", f"{_PATH}?List=ALL", function_of, query=("Marker", "MaxItems"))
def list_provisioned_concurrency_configs(
    context: LambdaContext, request: ListProvisionedConcurrencyConfigsRequest, address: Address
) -> ListProvisionedConcurrencyConfigsResponse:
    refuse_marker(request.marker)
    load_function(context, address)
    return ListProvisionedConcurrencyConfigsResponse(provisioned_concurrency_configs=[])

"""Layers and their versions (lambda-reference.md 5, layers): none can be published yet, so lists are empty."""

from __future__ import annotations

from typing import Any, NoReturn

from raylambda.model import names
from raylambda.model.addressing import AccountAddress, NamedResource
from raylambda.model.arn import layer_arn
from raylambda.model.errors import InvalidParameterValueException, ResourceNotFoundException
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import account_of, no_such_resource
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import refuse_marker
from raylambda.services.protocol.wire import Wire

_VERSION = "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}"
_FILTERS = ("CompatibleArchitecture", "CompatibleRuntime", "Marker", "MaxItems")


class ListLayersRequest(Wire):
    compatible_architecture: names.Architecture | None = None
    compatible_runtime: names.CompatibleRuntime | None = None
    marker: str | None = None
    max_items: names.FewItems | None = None


class ListLayerVersionsRequest(ListLayersRequest):
    layer_name: names.LayerName


class LayerVersionRequest(Wire):
    layer_name: names.LayerName
    version_number: names.LayerVersionNumber


class GetLayerVersionByArnRequest(Wire):
    arn: names.LayerVersionArn


class RemoveLayerVersionPermissionRequest(LayerVersionRequest):
    statement_id: names.StatementId
    revision_id: str | None = None


class ListLayersResponse(Wire):
    layers: list[Wire]


class ListLayerVersionsResponse(Wire):
    layer_versions: list[Wire]


def _layer_of(principal: Principal, request: Any) -> NamedResource:
    """A layer is named by its ARN, or by its name in the principal's own account and region."""
    name: str = request.layer_name
    return NamedResource(name if name.startswith("arn:") else layer_arn(principal.region, principal.account, name))


def _version_of(principal: Principal, request: Any) -> NamedResource:
    return NamedResource(f"{_layer_of(principal, request).arn}:{request.version_number}")


def _named_version(_principal: Principal, request: Any) -> NamedResource:
    return NamedResource(request.arn)


def _refuse_number(number: int) -> None:
    if number < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")


def _no_such_version(version: NamedResource) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Layer version {version.arn} does not exist.")


@operation("GET", "/2018-10-31/layers", account_of, query=_FILTERS)
def list_layers(context: LambdaContext, request: ListLayersRequest, account: AccountAddress) -> ListLayersResponse:
    refuse_marker(request.marker)
    return ListLayersResponse(layers=[])


@operation("GET", "/2018-10-31/layers/{LayerName}/versions", _layer_of, query=_FILTERS)
def list_layer_versions(
    context: LambdaContext, request: ListLayerVersionsRequest, layer: NamedResource
) -> ListLayerVersionsResponse:
    refuse_marker(request.marker)
    return ListLayerVersionsResponse(layer_versions=[])


@operation("GET", _VERSION, _version_of)
def get_layer_version(context: LambdaContext, request: LayerVersionRequest, version: NamedResource) -> NoReturn:
    _refuse_number(request.version_number)
    raise no_such_resource()


@operation("GET", "/2018-10-31/layers?find=LayerVersion", _named_version, query=("Arn",))
def get_layer_version_by_arn(
    context: LambdaContext, request: GetLayerVersionByArnRequest, version: NamedResource
) -> NoReturn:
    raise no_such_resource()


@operation("DELETE", _VERSION, _version_of, status=204)
def delete_layer_version(context: LambdaContext, request: LayerVersionRequest, version: NamedResource) -> None:
    _refuse_number(request.version_number)


@operation("GET", f"{_VERSION}/policy", _version_of)
def get_layer_version_policy(context: LambdaContext, request: LayerVersionRequest, version: NamedResource) -> NoReturn:
    raise _no_such_version(version)


@operation("DELETE", f"{_VERSION}/policy/{{StatementId}}", _version_of, status=204, query=("RevisionId",))
def remove_layer_version_permission(
    context: LambdaContext, request: RemoveLayerVersionPermissionRequest, version: NamedResource
) -> NoReturn:
    raise _no_such_version(version)

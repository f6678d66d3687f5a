"""Aliases, with weighted routing to one more version (lambda-reference.md 5, aliases)."""

from __future__ import annotations

from typing import Final

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from raylambda.model import names
from raylambda.model.addressing import Address, refuse_qualified
from raylambda.model.arn import function_arn
from raylambda.model.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
    UntypedInvalidParameterValue,
)
from raylambda.model.function import LATEST
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.function_configuration import refuse_stale
from raylambda.services.lambda_.lookup import (
    alias_not_found,
    find_alias,
    find_version,
    function_of,
    load_function,
    not_found,
)
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import Order, take_page
from raylambda.services.protocol.wire import Wire
from raylambda.store.tables import AliasRow

_ALIASES: Final = Order[AliasRow](1, (col(AliasRow.alias),), lambda row: (row.alias,), lambda parts: parts)
"""The aliases of one function, by name."""


class AliasRoutingConfiguration(Wire):
    additional_version_weights: names.RoutingWeights | None = None


class CreateAliasRequest(Wire):
    function_name: names.FunctionName
    name: names.AliasName
    function_version: names.Version
    description: names.Description | None = None
    routing_config: AliasRoutingConfiguration | None = None


class UpdateAliasRequest(Wire):
    function_name: names.FunctionName
    name: names.AliasName
    function_version: names.Version | None = None
    description: names.Description | None = None
    routing_config: AliasRoutingConfiguration | None = None
    revision_id: str | None = None


class AliasRequest(Wire):
    function_name: names.FunctionName
    name: names.AliasName


class ListAliasesRequest(Wire):
    function_name: names.FunctionName
    function_version: names.Version | None = None
    marker: str | None = None
    max_items: names.MaxItems | None = None


class AliasConfiguration(Wire):
    alias_arn: str
    name: str
    function_version: str
    description: str
    routing_config: AliasRoutingConfiguration | None = None
    revision_id: str


class ListAliasesResponse(Wire):
    next_marker: str | None = None
    aliases: list[AliasConfiguration]


def aliases_of(context: LambdaContext, address: Address) -> list[AliasRow]:
    """All aliases of a function, by name."""
    return list(context.session.exec(_of_function(address).order_by(col(AliasRow.alias))))


def _of_function(address: Address) -> SelectOfScalar[AliasRow]:
    return select(AliasRow).where(
        AliasRow.account == address.account, AliasRow.region == address.region, AliasRow.name == address.name
    )


def _describe(row: AliasRow) -> AliasConfiguration:
    return AliasConfiguration(
        alias_arn=function_arn(row.region, row.account, row.name, row.alias),
        name=row.alias,
        function_version=row.version,
        description=row.description,
        routing_config=AliasRoutingConfiguration(additional_version_weights=row.weights) if row.weights else None,
        revision_id=row.revision_id,
    )


def _check_routing(context: LambdaContext, address: Address, version: str, weights: dict[str, float]) -> None:
    """Both versions must exist, be different, and neither may be ``$LATEST``."""
    if len(weights) > 1:
        raise InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if version in weights:
        raise InvalidParameterValueException(
            f"Invalid function version {version}. Function version {version} is already included in routing configuration."
        )
    if weights and version == LATEST:
        raise UntypedInvalidParameterValue("$LATEST is not supported for an alias pointing to more than 1 version")
    for each in (version, *weights):
        if find_version(context, address, each) is None:
            raise not_found(address, each)


def _weights(routing: AliasRoutingConfiguration | None) -> dict[str, float]:
    return (routing.additional_version_weights if routing else None) or {}


@operation("POST", "/2015-03-31/functions/{FunctionName}/aliases", function_of, status=201)
def create_alias(context: LambdaContext, request: CreateAliasRequest, address: Address) -> AliasConfiguration:
    refuse_qualified(address)
    weights = _weights(request.routing_config)
    _check_routing(context, address, request.function_version, weights)
    if find_alias(context, address, request.name) is not None:
        raise ResourceConflictException(f"Alias already exists: {address.qualified_arn(request.name)}")
    row = AliasRow(
        account=address.account,
        region=address.region,
        name=address.name,
        alias=request.name,
        version=request.function_version,
        description=request.description or "",
        weights=weights or None,
        revision_id=context.parts.new_id(),
    )
    context.session.add(row)
    context.record_change(address)
    return _describe(row)


@operation("GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", function_of)
def get_alias(context: LambdaContext, request: AliasRequest, address: Address) -> AliasConfiguration:
    refuse_qualified(address)
    load_function(context, address)
    row = find_alias(context, address, request.name)
    if row is None:
        raise alias_not_found(address, request.name)
    return _describe(row)


@operation(
    "GET", "/2015-03-31/functions/{FunctionName}/aliases", function_of, query=("FunctionVersion", "Marker", "MaxItems")
)
def list_aliases(context: LambdaContext, request: ListAliasesRequest, address: Address) -> ListAliasesResponse:
    refuse_qualified(address)
    load_function(context, address)
    aliases = _of_function(address)
    if request.function_version is not None:
        aliases = aliases.where(AliasRow.version == request.function_version)
    rows, marker = take_page(context.session, aliases, _ALIASES, request.marker, request.max_items)
    return ListAliasesResponse(next_marker=marker, aliases=[_describe(row) for row in rows])


@operation("PUT", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", function_of)
def update_alias(context: LambdaContext, request: UpdateAliasRequest, address: Address) -> AliasConfiguration:
    refuse_qualified(address)
    load_function(context, address)
    row = find_alias(context, address, request.name)
    if row is None:
        raise ResourceNotFoundException(f"Alias not found: {address.qualified_arn(request.name)}")
    refuse_stale(row.revision_id, request.revision_id)
    version = request.function_version or row.version
    weights = dict(row.weights or {}) if request.routing_config is None else _weights(request.routing_config)
    _check_routing(context, address, version, weights)
    row.version, row.weights = version, weights or None
    row.description = row.description if request.description is None else request.description
    row.revision_id = context.parts.new_id()
    context.record_change(address)
    return _describe(row)


@operation("DELETE", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", function_of, status=204)
def delete_alias(context: LambdaContext, request: AliasRequest, address: Address) -> None:
    refuse_qualified(address)
    load_function(context, address)
    row = find_alias(context, address, request.name)
    if row is not None:
        context.session.delete(row)
        context.record_change(address)

"""Aliases, with weighted routing to one more version (lambda-reference.md 5, aliases)."""

from __future__ import annotations

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from raylambda.model import names
from raylambda.model.arn import function_arn
from raylambda.model.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
    UntypedInvalidParameterValue,
)
from raylambda.model.function import LATEST
from raylambda.services.lambda_.addressing import (
    Address,
    find_alias,
    find_version,
    load_function,
    locate_unqualified,
    not_found,
)
from raylambda.services.lambda_.states import refuse_stale
from raylambda.services.protocol.operation import Context, operation
from raylambda.services.protocol.pages import ALIASES, take_page
from raylambda.services.protocol.wire import Wire
from raylambda.store.changes import ChangeKind, record_change
from raylambda.store.tables import AliasRow


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


def aliases_of(context: Context, address: Address) -> list[AliasRow]:
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


def _check_routing(context: Context, address: Address, version: str, weights: dict[str, float]) -> None:
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


@operation("POST", "/2015-03-31/functions/{FunctionName}/aliases", status=201)
def create_alias(context: Context, request: CreateAliasRequest) -> AliasConfiguration:
    address = locate_unqualified(context, request.function_name)
    weights = _weights(request.routing_config)
    _check_routing(context, address, request.function_version, weights)
    if find_alias(context, address, request.name) is not None:
        raise ResourceConflictException(f"Alias already exists: {address.arn(request.name)}")
    row = AliasRow(
        account=address.account,
        region=address.region,
        name=address.name,
        alias=request.name,
        version=request.function_version,
        description=request.description or "",
        weights=weights or None,
        revision_id=context.new_id(),
    )
    context.session.add(row)
    record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)
    return _describe(row)


@operation("GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}")
def get_alias(context: Context, request: AliasRequest) -> AliasConfiguration:
    address = locate_unqualified(context, request.function_name)
    load_function(context, address)
    row = find_alias(context, address, request.name)
    if row is None:
        raise ResourceNotFoundException(f"Cannot find alias arn: {address.arn(request.name)}")
    return _describe(row)


@operation("GET", "/2015-03-31/functions/{FunctionName}/aliases", query=("FunctionVersion", "Marker", "MaxItems"))
def list_aliases(context: Context, request: ListAliasesRequest) -> ListAliasesResponse:
    address = locate_unqualified(context, request.function_name)
    load_function(context, address)
    aliases = _of_function(address)
    if request.function_version is not None:
        aliases = aliases.where(AliasRow.version == request.function_version)
    rows, marker = take_page(context.session, aliases, ALIASES, request.marker, request.max_items)
    return ListAliasesResponse(next_marker=marker, aliases=[_describe(row) for row in rows])


@operation("PUT", "/2015-03-31/functions/{FunctionName}/aliases/{Name}")
def update_alias(context: Context, request: UpdateAliasRequest) -> AliasConfiguration:
    address = locate_unqualified(context, request.function_name)
    load_function(context, address)
    row = find_alias(context, address, request.name)
    if row is None:
        raise ResourceNotFoundException(f"Alias not found: {address.arn(request.name)}")
    refuse_stale(row.revision_id, request.revision_id)
    version = request.function_version or row.version
    weights = dict(row.weights or {}) if request.routing_config is None else _weights(request.routing_config)
    _check_routing(context, address, version, weights)
    row.version, row.weights = version, weights or None
    row.description = row.description if request.description is None else request.description
    row.revision_id = context.new_id()
    record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)
    return _describe(row)


@operation("DELETE", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", status=204)
def delete_alias(context: Context, request: AliasRequest) -> None:
    address = locate_unqualified(context, request.function_name)
    load_function(context, address)
    row = find_alias(context, address, request.name)
    if row is not None:
        context.session.delete(row)
        record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)

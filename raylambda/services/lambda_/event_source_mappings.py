"""Event source mappings (lambda-reference.md 15): none can be made yet, so lists are empty and no UUID is known."""

from __future__ import annotations

from typing import Any, NoReturn

from raylambda.model import names
from raylambda.model.addressing import Address, NamedResource, Resource, locate
from raylambda.model.arn import event_source_mapping_arn
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import account_of, load_function, no_such_resource
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import refuse_marker
from raylambda.services.protocol.wire import Wire


class ListEventSourceMappingsRequest(Wire):
    event_source_arn: names.EventSourceArn | None = None
    function_name: names.NamespacedFunctionName | None = None
    marker: str | None = None
    max_items: names.MaxItems | None = None


class EventSourceMappingRequest(Wire):
    uuid: names.EventSourceMappingId


class ListEventSourceMappingsResponse(Wire):
    event_source_mappings: list[Wire]


def _listed(principal: Principal, request: Any) -> Resource:
    """All mappings of the account, or those of one function."""
    if request.function_name is None:
        return account_of(principal, request)
    return locate(principal, request.function_name)


def _mapping_of(principal: Principal, request: Any) -> NamedResource:
    return NamedResource(event_source_mapping_arn(principal.region, principal.account, request.uuid))


@operation(
    "GET", "/2015-03-31/event-source-mappings", _listed, query=("EventSourceArn", "FunctionName", "Marker", "MaxItems")
)
def list_event_source_mappings(
    context: LambdaContext, request: ListEventSourceMappingsRequest, resource: Resource
) -> ListEventSourceMappingsResponse:
    refuse_marker(request.marker)
    if isinstance(resource, Address):
        load_function(context, resource)
    return ListEventSourceMappingsResponse(event_source_mappings=[])


@operation("GET", "/2015-03-31/event-source-mappings/{UUID}", _mapping_of)
def get_event_source_mapping(
    context: LambdaContext, request: EventSourceMappingRequest, mapping: NamedResource
) -> NoReturn:
    raise no_such_resource()


@operation("DELETE", "/2015-03-31/event-source-mappings/{UUID}", _mapping_of, status=202)
def delete_event_source_mapping(
    context: LambdaContext, request: EventSourceMappingRequest, mapping: NamedResource
) -> NoReturn:
    raise no_such_resource()

"""Tags of functions (lambda-reference.md 5 and 6, tags)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from raylambda.model import names
from raylambda.model.addressing import Address, locate
from raylambda.model.errors import InvalidParameterValueException, ResourceNotFoundException
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import load_function, load_latest
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.tables import FunctionRow

TAGS_PER_RESOURCE: Final = 50

_MISSING: Final = {
    "event-source-mapping": "Event source mapping not found: {arn}",
    "code-signing-config": "The Lambda code signing configuration {arn} can not be found.",
    "capacity-provider": "Capacity provider not found: {arn}",
    "network-connector": "Network connector not found: {arn}",
}
"""Taggable kinds of AWS that raylambda does not have yet: none of them exists."""


class TagResourceRequest(Wire):
    resource: names.TaggableResource
    tags: names.Tags


class UntagResourceRequest(Wire):
    resource: names.TaggableResource
    tag_keys: names.TagKeys


class ListTagsRequest(Wire):
    resource: names.TaggableResource


class ListTagsResponse(Wire):
    tags: dict[str, str]


def refuse_too_many(tags: Mapping[str, str]) -> None:
    """Raise ``InvalidParameterValueException`` for more tags than a resource may have."""
    if len(tags) > TAGS_PER_RESOURCE:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")


def _tagged(principal: Principal, request: Any) -> Address:
    """The function that the request's ``resource`` means."""
    arn: str = request.resource
    kind = arn.split(":")[5]
    if kind in _MISSING:
        raise ResourceNotFoundException(_MISSING[kind].format(arn=arn))
    return locate(principal, arn)


def _load(context: LambdaContext, address: Address) -> FunctionRow:
    if address.qualifier is not None:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return load_function(context, address)


@operation("POST", "/2017-03-31/tags/{Resource}", _tagged, status=204)
def tag_resource(context: LambdaContext, request: TagResourceRequest, address: Address) -> None:
    row = _load(context, address)
    if not request.tags:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
    merged = {**row.tags, **request.tags}
    refuse_too_many(merged)
    row.tags = merged
    load_latest(context, address).revision_id = context.parts.new_id()
    context.record_change(address)


@operation("DELETE", "/2017-03-31/tags/{Resource}", _tagged, status=204, query=("tagKeys",))
def untag_resource(context: LambdaContext, request: UntagResourceRequest, address: Address) -> None:
    row = _load(context, address)
    row.tags = {key: value for key, value in row.tags.items() if key not in request.tag_keys}
    load_latest(context, address).revision_id = context.parts.new_id()
    context.record_change(address)


@operation("GET", "/2017-03-31/tags/{Resource}", _tagged)
def list_tags(context: LambdaContext, request: ListTagsRequest, address: Address) -> ListTagsResponse:
    return ListTagsResponse(tags=_load(context, address).tags)

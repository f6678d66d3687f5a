"""Tags of functions (lambda-reference.md 5 and 6, tags)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from raylambda.model import names
from raylambda.model.errors import InvalidParameterValueException, ResourceNotFoundException
from raylambda.services.lambda_.addressing import load_function, locate
from raylambda.services.protocol.operation import Context, operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.changes import ChangeKind, record_change
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


def _load(context: Context, arn: str) -> FunctionRow:
    kind = arn.split(":")[5]
    if kind in _MISSING:
        raise ResourceNotFoundException(_MISSING[kind].format(arn=arn))
    address = locate(context, arn)
    if address.qualifier is not None:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return load_function(context, address)


def _replace(context: Context, row: FunctionRow, tags: dict[str, str]) -> None:
    row.tags = tags
    record_change(context.session, ChangeKind.FUNCTION, row.account, row.region, row.name)


@operation("POST", "/2017-03-31/tags/{Resource}", status=204)
def tag_resource(context: Context, request: TagResourceRequest) -> None:
    row = _load(context, request.resource)
    if not request.tags:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
    merged = {**row.tags, **request.tags}
    refuse_too_many(merged)
    _replace(context, row, merged)


@operation("DELETE", "/2017-03-31/tags/{Resource}", status=204, query=("tagKeys",))
def untag_resource(context: Context, request: UntagResourceRequest) -> None:
    row = _load(context, request.resource)
    _replace(context, row, {key: value for key, value in row.tags.items() if key not in request.tag_keys})


@operation("GET", "/2017-03-31/tags/{Resource}")
def list_tags(context: Context, request: ListTagsRequest) -> ListTagsResponse:
    return ListTagsResponse(tags=_load(context, request.resource).tags)

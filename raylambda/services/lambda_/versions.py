"""Versions: publication, and the list of versions (lambda-reference.md 5, versions)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import case, func
from sqlmodel import col, select

from raylambda.model import names
from raylambda.model.addressing import Address, refuse_published
from raylambda.model.errors import InvalidParameterValueException
from raylambda.model.function import LATEST, State, UpdateStatus
from raylambda.services.lambda_.account import refuse_full_storage
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.function_configuration import (
    CREATING_CODE,
    CREATING_REASON,
    FunctionConfiguration,
    code_sha256,
    describe_new,
    refuse_stale,
    refuse_unsettled,
    summarise,
)
from raylambda.services.lambda_.lookup import (
    find_version,
    function_of,
    load_function,
    load_latest,
)
from raylambda.services.lambda_.settings import refuse_unsupported
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import Order, take_page
from raylambda.services.protocol.wire import Wire
from raylambda.store.tables import FunctionRow, FunctionVersionRow

_VERSION: Final = col(FunctionVersionRow.version)
_RANK: Final = case((_VERSION == LATEST, 0), else_=func.length(_VERSION))


def _sort_key(version: str) -> tuple[int, str]:
    """``$LATEST``, then by number: the order of ``_RANK`` and ``_VERSION``."""
    return (0 if version == LATEST else len(version), version)


VERSIONS: Final = Order[FunctionVersionRow](
    1, (_RANK, _VERSION), lambda row: (row.version,), lambda parts: _sort_key(parts[0])
)
"""The versions of one function."""

FUNCTION_VERSIONS: Final = Order[FunctionVersionRow](
    2,
    (col(FunctionVersionRow.name), _RANK, _VERSION),
    lambda row: (row.name, row.version),
    lambda parts: (parts[0], *_sort_key(parts[1])),
)
"""The versions of all functions, by name and then as ``VERSIONS``."""


class PublishVersionRequest(Wire):
    function_name: names.FunctionName
    code_sha256: str | None = None
    description: names.Description | None = None
    revision_id: str | None = None
    publish_to: names.PublishTo | None = None


class ListVersionsByFunctionRequest(Wire):
    function_name: names.NamespacedFunctionName
    marker: str | None = None
    max_items: names.MaxItems | None = None


class ListVersionsByFunctionResponse(Wire):
    next_marker: str | None = None
    versions: list[FunctionConfiguration]


def publish(
    context: LambdaContext, function: FunctionRow, latest: FunctionVersionRow, description: str | None = None
) -> FunctionVersionRow:
    """Freeze ``$LATEST`` as the next number, which is Pending at first like a function that is created.

    Without an update since the last publication it is the same version again. Raises ``CodeStorageExceededException``.
    """
    address = Address(latest.account, latest.region, latest.name)
    if latest.published_version is not None and latest.published_generation == latest.generation:
        unchanged = find_version(context, address, latest.published_version)
        if unchanged is not None:
            return unchanged
    refuse_full_storage(context, address, latest.code_size)
    changes = {
        "version": str(function.next_version),
        "revision_id": context.parts.new_id(),
        "published_generation": None,
        "published_version": None,
        "state": State.PENDING,
        "state_reason": CREATING_REASON,
        "state_reason_code": CREATING_CODE,
        "last_update_status": UpdateStatus.IN_PROGRESS,
        "last_update_status_reason": CREATING_REASON,
        "last_update_status_reason_code": CREATING_CODE,
        "configuration": _frozen(latest, description),
    }
    published = FunctionVersionRow(**(latest.model_dump() | changes))
    context.session.add(published)
    latest.published_generation, latest.published_version = latest.generation, published.version
    function.next_version += 1
    return published


def _frozen(latest: FunctionVersionRow, description: str | None) -> dict[str, object]:
    """A version has its own description, and SnapStart is in effect from publication on."""
    configuration = dict(latest.configuration)
    if description is not None:
        configuration["Description"] = description
    if configuration["SnapStart"]["ApplyOn"] == "PublishedVersions":
        configuration["SnapStart"] = configuration["SnapStart"] | {"OptimizationStatus": "On"}
    return configuration


def _refuse_other_code(latest: FunctionVersionRow, given: str | None) -> None:
    current = code_sha256(latest)
    if given is not None and given != current:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )


@operation("POST", "/2015-03-31/functions/{FunctionName}/versions", function_of, status=201)
def publish_version(context: LambdaContext, request: PublishVersionRequest, address: Address) -> FunctionConfiguration:
    refuse_published(address)
    refuse_unsupported(request, ("publish_to",))
    latest = load_latest(context, address)
    refuse_unsettled(latest)
    refuse_stale(latest.revision_id, request.revision_id)
    _refuse_other_code(latest, request.code_sha256)
    before = latest.published_version
    published = publish(context, load_function(context, address), latest, request.description)
    if published.version != before:
        latest.revision_id = context.parts.new_id()
    context.record_change(address)
    return describe_new(published, published.version)


@operation("GET", "/2015-03-31/functions/{FunctionName}/versions", function_of, query=("Marker", "MaxItems"))
def list_versions_by_function(
    context: LambdaContext, request: ListVersionsByFunctionRequest, address: Address
) -> ListVersionsByFunctionResponse:
    load_function(context, address)
    versions = select(FunctionVersionRow).where(
        FunctionVersionRow.account == address.account,
        FunctionVersionRow.region == address.region,
        FunctionVersionRow.name == address.name,
    )
    rows, marker = take_page(context.session, versions, VERSIONS, request.marker, request.max_items)
    return ListVersionsByFunctionResponse(next_marker=marker, versions=[summarise(row, row.version) for row in rows])

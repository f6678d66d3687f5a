"""Versions: publication, and the list of versions (lambda-reference.md 5, versions)."""

from __future__ import annotations

from sqlmodel import select

from raylambda.model import names
from raylambda.model.errors import InvalidParameterValueException
from raylambda.model.function import State, UpdateStatus
from raylambda.services.lambda_.account import refuse_full_storage
from raylambda.services.lambda_.addressing import (
    Address,
    find_version,
    load_function,
    load_latest,
    locate,
    locate_latest,
)
from raylambda.services.lambda_.configuration import FunctionConfiguration, code_sha256, describe, summarise
from raylambda.services.lambda_.settings import refuse_unsupported
from raylambda.services.lambda_.states import refuse_stale, refuse_unsettled
from raylambda.services.protocol.operation import Context, operation
from raylambda.services.protocol.pages import VERSIONS, take_page
from raylambda.services.protocol.wire import Wire
from raylambda.store.changes import ChangeKind, record_change
from raylambda.store.tables import FunctionRow, FunctionVersionRow


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
    context: Context, function: FunctionRow, latest: FunctionVersionRow, description: str | None = None
) -> FunctionVersionRow:
    """Freeze ``$LATEST`` as the next number, in the state that it is in; an update in progress does not concern a version.

    Without an update since the last publication it is the same version again. Raises ``CodeStorageExceededException``.
    """
    published = _unchanged(context, latest)
    if published is not None:
        return published
    refuse_full_storage(context, latest.code_size)
    settled = latest.state == State.ACTIVE
    changes = {
        "version": str(function.next_version),
        "revision_id": context.new_id(),
        "published_generation": None,
        "published_version": None,
        "last_update_status": UpdateStatus.SUCCESSFUL if settled else None,
        "last_update_status_reason": None,
        "last_update_status_reason_code": None,
        "configuration": _frozen(latest, description),
    }
    published = FunctionVersionRow(**(latest.model_dump() | changes))
    context.session.add(published)
    latest.published_generation, latest.published_version = latest.generation, published.version
    function.next_version += 1
    return published


def _unchanged(context: Context, latest: FunctionVersionRow) -> FunctionVersionRow | None:
    """The version that was published from this generation of ``$LATEST``, if it still exists."""
    if latest.published_version is None or latest.published_generation != latest.generation:
        return None
    address = Address(latest.account, latest.region, latest.name)
    return find_version(context, address, latest.published_version)


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


@operation("POST", "/2015-03-31/functions/{FunctionName}/versions", status=201)
def publish_version(context: Context, request: PublishVersionRequest) -> FunctionConfiguration:
    address = locate_latest(context, request.function_name)
    refuse_unsupported(request, ("publish_to",))
    latest = load_latest(context, address)
    refuse_unsettled(latest)
    refuse_stale(latest.revision_id, request.revision_id)
    _refuse_other_code(latest, request.code_sha256)
    published = publish(context, load_function(context, address), latest, request.description)
    record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)
    return describe(published, published.version)


@operation("GET", "/2015-03-31/functions/{FunctionName}/versions", query=("Marker", "MaxItems"))
def list_versions_by_function(
    context: Context, request: ListVersionsByFunctionRequest
) -> ListVersionsByFunctionResponse:
    address = locate(context, request.function_name)
    load_function(context, address)
    versions = select(FunctionVersionRow).where(
        FunctionVersionRow.account == address.account,
        FunctionVersionRow.region == address.region,
        FunctionVersionRow.name == address.name,
    )
    rows, marker = take_page(context.session, versions, VERSIONS, request.marker, request.max_items)
    return ListVersionsByFunctionResponse(next_marker=marker, versions=[summarise(row, row.version) for row in rows])

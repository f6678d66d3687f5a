"""Functions: create, read, list and delete (lambda-reference.md 5, CreateFunction)."""

from __future__ import annotations

from typing import Any

from sqlmodel import col, delete, select

from raylambda.model import names
from raylambda.model.addressing import AccountAddress, Address, refuse_long, refuse_qualified
from raylambda.model.errors import (
    CodeSigningConfigNotFoundException,
    InvalidParameterValueException,
    ResourceConflictException,
)
from raylambda.model.function import LATEST, State
from raylambda.services.lambda_.account import refuse_full_storage
from raylambda.services.lambda_.aliases import aliases_of
from raylambda.services.lambda_.concurrency import Concurrency
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.function_code import FunctionCode, Package, keep, take_package
from raylambda.services.lambda_.function_configuration import (
    CREATING_CODE,
    CREATING_REASON,
    FunctionConfiguration,
    describe,
    describe_new,
    format_time,
    summarise,
)
from raylambda.services.lambda_.lookup import (
    account_of,
    find_function,
    find_version,
    function_of,
    load_function,
    load_version,
    not_found,
    version_of,
)
from raylambda.services.lambda_.settings import FunctionSettings, configured, initial_configuration, refuse_unsupported
from raylambda.services.lambda_.tags import refuse_too_many
from raylambda.services.lambda_.versions import FUNCTION_VERSIONS, publish
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.pages import take_page
from raylambda.services.protocol.wire import Wire
from raylambda.store.tables import AliasRow, FunctionRow, FunctionVersionRow


class CreateFunctionRequest(FunctionSettings):
    function_name: names.FunctionName
    role: names.RoleArn
    code: FunctionCode
    publish: bool | None = None
    publish_to: names.PublishTo | None = None
    package_type: names.PackageType | None = None
    tags: names.Tags | None = None
    architectures: names.Architectures | None = None
    code_signing_config_arn: names.CodeSigningConfigArn | None = None
    tenancy_config: Any = None


class FunctionRequest(Wire):
    function_name: names.NamespacedFunctionName
    qualifier: names.Qualifier | None = None


class ListFunctionsRequest(Wire):
    master_region: names.MasterRegion | None = None
    function_version: names.AllVersions | None = None
    marker: str | None = None
    max_items: names.MaxItems | None = None


class ListFunctionsResponse(Wire):
    next_marker: str | None = None
    functions: list[FunctionConfiguration]


class FunctionCodeLocation(Wire):
    repository_type: str
    location: str


class GetFunctionResponse(Wire):
    configuration: FunctionConfiguration
    code: FunctionCodeLocation
    tags: dict[str, str] | None = None
    concurrency: Concurrency | None = None


def new_rows(
    context: LambdaContext,
    address: Address,
    settings: FunctionSettings,
    package: Package,
    architectures: list[str] | None,
) -> tuple[FunctionRow, FunctionVersionRow]:
    """The rows of a function that does not exist yet; raises ``InvalidParameterValueException``."""
    key: dict[str, Any] = {"account": address.account, "region": address.region, "name": address.name}
    initial = initial_configuration(address.name)
    if architectures is not None:
        initial["Architectures"] = architectures
    latest = FunctionVersionRow(
        **key,
        version=LATEST,
        generation=context.parts.new_id(),
        revision_id=context.parts.new_id(),
        state=State.PENDING,
        state_reason=CREATING_REASON,
        state_reason_code=CREATING_CODE,
        last_modified=format_time(context.parts.clock.now()),
        code_sha256=package.sha256,
        code_size=package.size,
        configuration=configured(initial, settings, address.region),
    )
    return FunctionRow(**key), latest


def refuse_without_entry_point(settings: FunctionSettings) -> None:
    """Raise ``InvalidParameterValueException`` for a new function of which runtime or handler is not known."""
    if not settings.runtime or not settings.handler:
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )


def _refuse_other_kinds(request: CreateFunctionRequest) -> None:
    """Functions are zips for a runtime; there is no code signing configuration yet, so naming one is an error."""
    if request.package_type == "Image" or request.code.image_uri is not None:
        raise InvalidParameterValueException(
            "Container images are not supported by raylambda yet: provide a zip with PackageType Zip."
        )
    refuse_without_entry_point(request)
    arn = request.code_signing_config_arn
    if arn is not None:
        raise CodeSigningConfigNotFoundException(
            "The code signing configuration cannot be found. "
            f"Check that the provided configuration is not deleted: {arn}."
        )


@operation("POST", "/2015-03-31/functions", function_of, status=201, takes_package=True)
def create_function(context: LambdaContext, request: CreateFunctionRequest, address: Address) -> FunctionConfiguration:
    refuse_qualified(address)
    refuse_long(address)
    refuse_unsupported(request, ("publish_to", "tenancy_config"))
    _refuse_other_kinds(request)
    refuse_too_many(request.tags or {})
    package = take_package(context, request.code)
    function, latest = new_rows(context, address, request, package, request.architectures)
    function.tags = dict(request.tags or {})

    def check() -> None:
        if find_function(context, address) is not None:
            raise ResourceConflictException(f"Function already exist: {address.name}")
        refuse_full_storage(context, address, package.size)

    keep(context, package, check)
    context.session.add_all([function, latest])
    context.record_change(address)
    return describe_new(publish(context, function, latest) if request.publish else latest, None)


@operation("GET", "/2015-03-31/functions/{FunctionName}", version_of, query=("Qualifier",))
def get_function(context: LambdaContext, request: FunctionRequest, address: Address) -> GetFunctionResponse:
    version = load_version(context, address)
    function = load_function(context, address)
    reserved = function.reserved_concurrency
    return GetFunctionResponse(
        configuration=describe(version, address.qualifier),
        code=FunctionCodeLocation(
            repository_type="S3", location=context.parts.code_location(context.base_url, version.code_sha256)
        ),
        tags=function.tags or None,
        concurrency=None if reserved is None else Concurrency(reserved_concurrent_executions=reserved),
    )


@operation("GET", "/2015-03-31/functions/{FunctionName}/configuration", version_of, query=("Qualifier",))
def get_function_configuration(
    context: LambdaContext, request: FunctionRequest, address: Address
) -> FunctionConfiguration:
    return describe(load_version(context, address), address.qualifier)


@operation("GET", "/2015-03-31/functions", account_of, query=("MasterRegion", "FunctionVersion", "Marker", "MaxItems"))
def list_functions(
    context: LambdaContext, request: ListFunctionsRequest, account: AccountAddress
) -> ListFunctionsResponse:
    every_version = request.function_version == "ALL"
    if request.master_region not in {None, "ALL"}:
        # Only replicas of Lambda@Edge functions have a master region, and there are none.
        return ListFunctionsResponse(functions=[])
    versions = select(FunctionVersionRow).where(
        FunctionVersionRow.account == account.account, FunctionVersionRow.region == account.region
    )
    if not every_version:
        versions = versions.where(FunctionVersionRow.version == LATEST)
    rows, marker = take_page(context.session, versions, FUNCTION_VERSIONS, request.marker, request.max_items)
    functions = [summarise(row, row.version if every_version else None) for row in rows]
    return ListFunctionsResponse(next_marker=marker, functions=functions)


def _delete_everything(context: LambdaContext, address: Address) -> None:
    for table in (FunctionRow, FunctionVersionRow, AliasRow):
        context.session.exec(
            delete(table).where(
                col(table.account) == address.account,
                col(table.region) == address.region,
                col(table.name) == address.name,
            )
        )


def _delete_version(context: LambdaContext, address: Address, version: str) -> None:
    """One that does not exist is no error, as long as the function does."""
    if version == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if not names.ALIAS_NAME.broken(version):
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    load_function(context, address)
    if not version.isdecimal():
        raise not_found(address, version)
    users = [row.alias for row in aliases_of(context, address) if version in {row.version, *(row.weights or {})}]
    if users:
        raise ResourceConflictException(
            f"Unable to delete version because the following aliases reference it: [{', '.join(users)}]"
        )
    row = find_version(context, address, version)
    if row is not None:
        context.session.delete(row)


# The model says 200; AWS answers 204.
@operation("DELETE", "/2015-03-31/functions/{FunctionName}", version_of, status=204, query=("Qualifier",))
def delete_function(context: LambdaContext, request: FunctionRequest, address: Address) -> None:
    if address.qualifier is None:
        load_function(context, address)
        _delete_everything(context, address)
    else:
        _delete_version(context, address, address.qualifier)
    context.record_change(address)

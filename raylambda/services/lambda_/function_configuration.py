"""What AWS prints of a function version, the states in it, and UpdateFunctionConfiguration (lambda-reference.md 3, 5).

An operation sets the states of ``$LATEST`` and ``store.functions`` ends Pending and InProgress::

    CreateFunction            -> Pending                        -> Active, Successful
    a published version       -> Pending, InProgress            -> Active, Successful
    an update of an Active    -> Active, InProgress             -> Active, Successful
    an update of any other    -> 409 ResourceConflictException
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, Final

from raylambda.model import names
from raylambda.model.addressing import Address, refuse_published
from raylambda.model.arn import function_arn, runtime_version_arn
from raylambda.model.errors import PreconditionFailedException, ResourceConflictException
from raylambda.model.function import State, UpdateStatus
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import function_of, load_latest
from raylambda.services.lambda_.settings import FunctionSettings, configured
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.tables import FunctionVersionRow

CREATING_REASON: Final = "The function is being created."
CREATING_CODE: Final = "Creating"


class VpcConfigResponse(Wire):
    subnet_ids: list[str]
    security_group_ids: list[str]
    vpc_id: str
    ipv6_allowed_for_dual_stack: bool


class DeadLetterConfigResponse(Wire):
    target_arn: str


class EnvironmentResponse(Wire):
    variables: dict[str, str]


class TracingConfigResponse(Wire):
    mode: str


class S3FilesConfigResponse(Wire):
    direct_s3_read: str | None = None


class FileSystemConfigResponse(Wire):
    arn: str
    local_mount_path: str
    s3_files_config: S3FilesConfigResponse | None = None


class EphemeralStorageResponse(Wire):
    size: int


class SnapStartResponse(Wire):
    apply_on: str
    optimization_status: str


class RuntimeVersionConfig(Wire):
    runtime_version_arn: str


class LoggingConfigResponse(Wire):
    log_format: str
    application_log_level: str | None = None
    system_log_level: str | None = None
    log_group: str


class FunctionConfiguration(Wire):
    """One version. Members without a default are always there."""

    function_name: str
    function_arn: str
    runtime: str
    role: str
    handler: str
    code_size: int
    description: str
    timeout: int
    memory_size: int
    last_modified: str
    code_sha256: str
    version: str
    vpc_config: VpcConfigResponse | None = None
    dead_letter_config: DeadLetterConfigResponse | None = None
    environment: EnvironmentResponse | None = None
    kms_key_arn: str | None = None
    tracing_config: TracingConfigResponse
    revision_id: str
    state: str | None = None
    state_reason: str | None = None
    state_reason_code: str | None = None
    last_update_status: str | None = None
    last_update_status_reason: str | None = None
    last_update_status_reason_code: str | None = None
    file_system_configs: list[FileSystemConfigResponse] | None = None
    package_type: str
    architectures: list[str]
    ephemeral_storage: EphemeralStorageResponse
    snap_start: SnapStartResponse
    runtime_version_config: RuntimeVersionConfig | None = None
    logging_config: LoggingConfigResponse


class UpdateFunctionConfigurationRequest(FunctionSettings):
    function_name: names.FunctionName
    revision_id: str | None = None


def describe(row: FunctionVersionRow, qualifier: str | None) -> FunctionConfiguration:
    """The whole configuration; the ARN ends with ``qualifier``, the one that the client used."""
    return FunctionConfiguration.model_validate(_summary(row, qualifier) | _state(row))


def describe_new(row: FunctionVersionRow, qualifier: str | None) -> FunctionConfiguration:
    """As ``describe``, for whoever made it: what is being made has no update status yet."""
    configuration = describe(row, qualifier)
    if row.state != State.PENDING:
        return configuration
    status = ("last_update_status", "last_update_status_reason", "last_update_status_reason_code")
    return configuration.model_copy(update=dict.fromkeys(status))


def summarise(row: FunctionVersionRow, qualifier: str | None) -> FunctionConfiguration:
    """An item of a list: AWS leaves out states, update status and runtime version."""
    return FunctionConfiguration.model_validate(_summary(row, qualifier))


def format_time(now: float) -> str:
    """``2026-01-31T12:00:00.000+0000``, the form of ``LastModified``."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def code_sha256(row: FunctionVersionRow) -> str:
    """The package's digest as AWS prints it: base64."""
    return base64.b64encode(bytes.fromhex(row.code_sha256)).decode()


def _summary(row: FunctionVersionRow, qualifier: str | None) -> dict[str, Any]:
    return row.configuration | {
        "FunctionName": row.name,
        "FunctionArn": function_arn(row.region, row.account, row.name, qualifier),
        "Version": row.version,
        "CodeSize": row.code_size,
        "CodeSha256": code_sha256(row),
        "LastModified": row.last_modified,
        "RevisionId": row.revision_id,
    }


def _state(row: FunctionVersionRow) -> dict[str, Any]:
    return {
        "State": row.state,
        "StateReason": row.state_reason,
        "StateReasonCode": row.state_reason_code,
        "LastUpdateStatus": row.last_update_status,
        "LastUpdateStatusReason": row.last_update_status_reason,
        "LastUpdateStatusReasonCode": row.last_update_status_reason_code,
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_version_arn(row.region, row.configuration["Runtime"])},
    }


def refuse_stale(current: str, given: str | None) -> None:
    """Raise ``PreconditionFailedException`` if the client gave a RevisionId and it is not ``current``."""
    if given is not None and given != current:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


def refuse_unsettled(latest: FunctionVersionRow) -> None:
    """Raise ``ResourceConflictException`` while the function is being created or updated."""
    if latest.state == State.PENDING:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. "
            f"The function is currently in the following state: {latest.state}"
        )
    if latest.last_update_status == UpdateStatus.IN_PROGRESS:
        arn = function_arn(latest.region, latest.account, latest.name)
        raise ResourceConflictException(
            f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )


def begin_update(context: LambdaContext, latest: FunctionVersionRow) -> None:
    """A new generation, so that environments of the old one are retired; a new revision, even if nothing is different."""
    latest.generation = context.parts.new_id()
    latest.revision_id = context.parts.new_id()
    latest.last_modified = format_time(context.parts.clock.now())
    latest.last_update_status = UpdateStatus.IN_PROGRESS
    latest.last_update_status_reason = CREATING_REASON
    latest.last_update_status_reason_code = CREATING_CODE


@operation("PUT", "/2015-03-31/functions/{FunctionName}/configuration", function_of)
def update_function_configuration(
    context: LambdaContext, request: UpdateFunctionConfigurationRequest, address: Address
) -> FunctionConfiguration:
    refuse_published(address)
    latest = load_latest(context, address)
    refuse_stale(latest.revision_id, request.revision_id)
    refuse_unsettled(latest)
    latest.configuration = configured(latest.configuration, request, address.region)
    begin_update(context, latest)
    context.record_change(address)
    return describe(latest, address.qualifier)

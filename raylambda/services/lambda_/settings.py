"""The settings of a function that a client may give at creation and by UpdateFunctionConfiguration, and their rules.

``configured`` is pure: from the configuration as stored and the settings as given it makes the next configuration, in
AWS's member names (lambda-reference.md 5, CreateFunction response defaults).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from raylambda.model import names
from raylambda.model.errors import InvalidParameterValueException
from raylambda.model.log_names import default_log_group
from raylambda.model.reserved_variables import RESERVED_VARIABLES
from raylambda.model.runtime_names import DEPRECATED_RUNTIMES, NAMED_RUNTIMES, SUPPORTED_RUNTIMES
from raylambda.services.protocol.wire import Wire, to_member

ENVIRONMENT_BYTES: Final = 4096
LAYERS_PER_FUNCTION: Final = 5

_SNAP_START_RUNTIMES: Final = (
    *("java11", "java17", "java21", "java25", "python3.12", "python3.13", "python3.14"),
    *("dotnet8", "dotnet10"),
)

_Document = dict[str, Any]


class VpcConfig(Wire):
    subnet_ids: names.SubnetIds | None = None
    security_group_ids: names.SecurityGroupIds | None = None
    ipv6_allowed_for_dual_stack: bool | None = None


class DeadLetterConfig(Wire):
    target_arn: names.ResourceArn | None = None


class Environment(Wire):
    variables: names.EnvironmentVariables | None = None


class TracingConfig(Wire):
    mode: names.TracingMode | None = None


class S3FilesConfig(Wire):
    direct_s3_read: names.DirectS3Read | None = None


class FileSystemConfig(Wire):
    arn: names.FileSystemArn
    local_mount_path: names.LocalMountPath
    s3_files_config: S3FilesConfig | None = None


class EphemeralStorage(Wire):
    size: names.EphemeralStorageSize


class SnapStart(Wire):
    apply_on: names.SnapStartApplyOn | None = None


class LoggingConfig(Wire):
    log_format: names.LogFormat | None = None
    application_log_level: names.ApplicationLogLevel | None = None
    system_log_level: names.SystemLogLevel | None = None
    log_group: names.LogGroup | None = None


class FunctionSettings(Wire):
    """The members that CreateFunction and UpdateFunctionConfiguration share.

    Members of the type ``Any`` are known to AWS and refused here: ignoring them would run another function than was asked for.
    """

    runtime: str | None = None
    role: names.RoleArn | None = None
    handler: names.Handler | None = None
    description: names.Description | None = None
    timeout: names.Timeout | None = None
    memory_size: names.MemorySize | None = None
    vpc_config: VpcConfig | None = None
    dead_letter_config: DeadLetterConfig | None = None
    environment: Environment | None = None
    kms_key_arn: names.KmsKeyArn | None = None
    tracing_config: TracingConfig | None = None
    layers: names.LayerVersionArns | None = None
    file_system_configs: Annotated[list[FileSystemConfig], names.Elements(1, 0)] | None = None
    ephemeral_storage: EphemeralStorage | None = None
    snap_start: SnapStart | None = None
    logging_config: LoggingConfig | None = None
    image_config: Any = None
    capacity_provider_config: Any = None
    durable_config: Any = None
    runtime_config: Any = None
    accelerator_config: Any = None


_REFUSED: Final = ("image_config", "capacity_provider_config", "durable_config", "runtime_config", "accelerator_config")
_SETTINGS: Final = frozenset(FunctionSettings.model_fields) - frozenset(_REFUSED)


def initial_configuration(name: str) -> _Document:
    """The members that every new function has, with AWS's defaults."""
    return {
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": default_log_group(name)},
    }


def configured(current: Mapping[str, Any], settings: FunctionSettings, region: str) -> _Document:
    """``current`` with the settings that were given; raises ``InvalidParameterValueException``."""
    refuse_unsupported(settings, _REFUSED)
    _check_layers(settings.layers or [], region)
    given = settings.model_dump(by_alias=True, exclude_none=True, include=set(_SETTINGS))
    changed = {
        member: _MERGE[member](value, current.get(member))
        if member in _MERGE
        else (None if value in ("", []) else value)
        for member, value in given.items()
    }
    following = {member: value for member, value in {**current, **changed}.items() if value is not None}
    if following["SnapStart"]["ApplyOn"] == "PublishedVersions":
        runtime = following["Runtime"]
        if runtime not in _SNAP_START_RUNTIMES:
            raise InvalidParameterValueException(f"{runtime} is not supported for SnapStart enabled functions.")
    return following


def refuse_unsupported(request: Wire, members: tuple[str, ...]) -> None:
    """Raise ``InvalidParameterValueException`` if one of the fields has a value."""
    for name in members:
        if getattr(request, name) is not None:
            raise InvalidParameterValueException(f"{to_member(name)} is not supported by raylambda yet.")


def _check_layers(layers: list[str], region: str) -> None:
    """There is no layer yet, so naming one is an error after AWS's own checks."""
    if len(layers) > LAYERS_PER_FUNCTION:
        raise InvalidParameterValueException(f"Cannot reference more than {LAYERS_PER_FUNCTION} layers.")
    for arn in layers:
        if arn.split(":")[3] not in {"", region}:
            raise InvalidParameterValueException(
                f"Layers are not in the same region as the function. Layers are expected to be in region {region}."
            )
        raise InvalidParameterValueException(f"Layer version {arn} does not exist.")


def _runtime(given: str, _current: str | None) -> str:
    """An unknown or deprecated runtime is no validation error at AWS."""
    if given in DEPRECATED_RUNTIMES:
        raise InvalidParameterValueException(
            f"The runtime parameter of {given} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if given not in SUPPORTED_RUNTIMES:
        raise InvalidParameterValueException(
            f"Value {given} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(NAMED_RUNTIMES)}] or be a valid ARN"
        )
    return given


def _vpc_config(given: _Document, current: _Document | None) -> _Document:
    vpc = {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False, **(current or {}), **given}
    if bool(vpc["SubnetIds"]) != bool(vpc["SecurityGroupIds"]):
        raise InvalidParameterValueException("SubnetIds and SecurityIds must coexist or be both empty list.")
    # The VPC of a subnet is EC2's knowledge; AWS prints an empty id too for functions outside a VPC.
    return {**vpc, "VpcId": ""}


def _environment(given: _Document, _current: _Document | None) -> _Document:
    variables: dict[str, str] = given.get("Variables", {})
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > ENVIRONMENT_BYTES:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured}"
        )
    return {"Variables": variables}


def _logging_config(given: _Document, current: _Document) -> _Document:
    merged = {**current, **given}
    levels = ("ApplicationLogLevel", "SystemLogLevel")
    if merged["LogFormat"] == "JSON":
        return {**dict.fromkeys(levels, "INFO"), **merged}
    if any(level in given for level in levels):
        raise InvalidParameterValueException(
            "ApplicationLogLevel and SystemLogLevel can be set only when LogFormat is JSON."
        )
    return {member: value for member, value in merged.items() if member not in levels}


_MERGE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "Description": lambda given, _current: given,
    "Runtime": _runtime,
    "VpcConfig": _vpc_config,
    "DeadLetterConfig": lambda given, _current: given if given.get("TargetArn") else None,
    "Environment": _environment,
    "TracingConfig": lambda given, current: {**current, **given},
    "SnapStart": lambda given, current: {**current, **given},
    "LoggingConfig": _logging_config,
}
"""How a given member meets the stored one; ``None`` takes it away. Members that are not here are replaced, or taken away when empty."""

"""The environment variables of a runtime process (lambda-reference.md 12; pure).

From weakest to strongest, a later one wins: the runtime's own defaults, the operator's ``RAYLAMBDA_FUNCTION_ENV``, the
``env_vars`` of the function's Ray ``runtime_env``, the function's configuration, and then the platform's names, which
nobody overrides. Keys for AWS are not made up: a function has those that the operator gives to all, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from raylambda.model.function import FunctionVersion
from raylambda.model.log_names import log_group_of
from raylambda.model.reserved_variables import RESERVED_VARIABLES

_XRAY_HOST: Final = "127.0.0.1"
_XRAY_PORT: Final = "2000"
_TRACING: Final = {
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": f"{_XRAY_HOST}:{_XRAY_PORT}",
    "_AWS_XRAY_DAEMON_ADDRESS": _XRAY_HOST,
    "_AWS_XRAY_DAEMON_PORT": _XRAY_PORT,
}
"""Nobody listens there: an X-Ray client sends its datagrams into the void, as on AWS for what is not sampled."""


def environment_variables(
    version: FunctionVersion,
    log_stream: str,
    defaults: Mapping[str, str],
    reserved: Mapping[str, str],
    function_env: Mapping[str, str],
) -> dict[str, str]:
    """All variables but ``AWS_LAMBDA_RUNTIME_API``, which the jail knows. ``defaults`` and ``reserved`` are the runtime's."""
    return {
        **_TRACING,
        **defaults,
        **with_all_variables(version, function_env).environment,
        **reserved,
        **_platform(version, log_stream),
    }


def with_all_variables(version: FunctionVersion, function_env: Mapping[str, str]) -> FunctionVersion:
    """``version`` with the operator's and the Ray options' variables below its own: some choose how a runtime starts."""
    ray_env = version.ray_options.runtime_env.get("env_vars", {})
    return replace(version, environment={**function_env, **_allowed(ray_env), **_allowed(version.environment)})


def _allowed(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in RESERVED_VARIABLES}


def _platform(version: FunctionVersion, log_stream: str) -> dict[str, str]:
    variables = {
        "_HANDLER": version.handler,
        "AWS_REGION": version.region,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group_of(version),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
    }
    if version.log_format == "JSON":
        variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        variables["AWS_LAMBDA_LOG_LEVEL"] = version.application_log_level or "INFO"
    return variables

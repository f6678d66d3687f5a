"""Which runtimes a function may be created with (botocore's Runtime enum; AWS's table of deprecated runtimes)."""

from __future__ import annotations

from typing import Final

from raylambda.model.errors import InvalidParameterValueException

SUPPORTED: Final = (
    *("nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x"),
    *("java8.al2", "java8.al2023", "java11", "java11.al2023", "java17", "java17.al2023", "java21", "java25"),
    *("python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14", "python3.15"),
    *("dotnet6", "dotnet8", "dotnet10", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0"),
    *("provided", "provided.al2", "provided.al2023"),
)
"""Those that a node lacks are accepted too, as AWS does; the invocation then says so."""

DEPRECATED: Final = (
    *("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x"),
    *("python2.7", "python3.6", "python3.7", "java8", "go1.x", "ruby2.5", "ruby2.7"),
    *("dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1"),
)

_SNAP_START: Final = (
    "java11",
    "java17",
    "java21",
    "java25",
    "python3.12",
    "python3.13",
    "python3.14",
    "dotnet8",
    "dotnet10",
)


def check_runtime(runtime: str) -> None:
    """Raise ``InvalidParameterValueException`` for an unknown or deprecated runtime (not a validation error at AWS)."""
    if runtime in DEPRECATED:
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime not in SUPPORTED:
        raise InvalidParameterValueException(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(SUPPORTED)}] or be a valid ARN"
        )


def check_snap_start(runtime: str) -> None:
    """Raise ``InvalidParameterValueException`` for a runtime that AWS cannot snapshot."""
    if runtime not in _SNAP_START:
        raise InvalidParameterValueException(f"{runtime} is not supported for SnapStart enabled functions.")

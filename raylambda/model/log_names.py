"""Names of log groups and log streams (lambda-reference.md 11): hosts write under them, the front door reads by them."""

from __future__ import annotations

from datetime import UTC, datetime

from raylambda.model.function import FunctionVersion


def default_log_group(function: str) -> str:
    """The group of a function that names none, by the function's name."""
    return f"/aws/lambda/{function}"


def log_group_of(version: FunctionVersion) -> str:
    """The group that a version writes into: its own, or the default one."""
    return version.log_group or default_log_group(version.name)


def log_stream_name(version: FunctionVersion, environment_id: str, epoch_s: float) -> str:
    """``YYYY/MM/DD/[version]id``; with the function's name before the bracket when its log group is not the default one."""
    day = datetime.fromtimestamp(epoch_s, UTC).strftime("%Y/%m/%d")
    default = log_group_of(version) == default_log_group(version.name)
    return f"{day}/{'' if default else version.name}[{version.version}]{environment_id}"


def stream_mark(function: str) -> str:
    """What is in the names of a function's streams in a group that several functions may share."""
    return f"/{function}["

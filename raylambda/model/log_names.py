"""The name of an environment's log stream (lambda-reference.md 11)."""

from __future__ import annotations

from datetime import UTC, datetime

from raylambda.model.function import FunctionVersion


def log_stream_name(version: FunctionVersion, environment_id: str, epoch_s: float) -> str:
    """``YYYY/MM/DD/[version]id``; with the function's name before the bracket when its log group is not its own."""
    day = datetime.fromtimestamp(epoch_s, UTC).strftime("%Y/%m/%d")
    own_group = version.log_group in {"", f"/aws/lambda/{version.name}"}
    return f"{day}/{'' if own_group else version.name}[{version.version}]{environment_id}"

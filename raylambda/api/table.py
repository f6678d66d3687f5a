"""The whole operation table. Importing this module imports every resource, and each registers its operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from raylambda.api import concurrency
from raylambda.api.operation import Operation, registered, served_by_front_door

INVOKE: Final = served_by_front_door("Invoke", "POST", "/2015-03-31/functions/{FunctionName}/invocations", status=200)
INVOKE_ASYNC: Final = served_by_front_door(
    "InvokeAsync", "POST", "/2014-11-13/functions/{FunctionName}/invoke-async", status=202
)

RESOURCES: Final = (concurrency,)
"""The modules whose operations are in the table."""

OPERATIONS: Final[Mapping[str, Operation]] = registered()
"""Every operation of AWS that raylambda has, by name."""


def supported_operations() -> list[tuple[str, str, str]]:
    """(name, method, path) of every operation of AWS that raylambda has, by name; for the documentation."""
    return [(row.name, row.method, row.path) for row in sorted(OPERATIONS.values(), key=lambda row: row.name)]

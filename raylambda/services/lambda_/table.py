"""The whole operation table. Importing this module imports the module of every resource, and each registers its operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from raylambda.services.lambda_ import (
    account,
    aliases,
    capacity_providers,
    code_signing,
    concurrency,
    deployments,
    event_invoke_configs,
    event_source_mappings,
    function_code,
    function_configuration,
    function_urls,
    functions,
    layers,
    policies,
    provisioned_concurrency,
    ray_options,
    recursion,
    runtime_management,
    tags,
    versions,
)
from raylambda.services.protocol.operation import Operation, registered, served_by_front_door

OWN_PREFIX: Final = "/_raylambda/"

MODULES: Final = (
    account,
    aliases,
    concurrency,
    deployments,
    function_code,
    function_configuration,
    functions,
    ray_options,
    tags,
    versions,
)
"""The modules of resources that there are."""

NOTHING_YET: Final = (
    capacity_providers,
    code_signing,
    event_invoke_configs,
    event_source_mappings,
    function_urls,
    layers,
    policies,
    provisioned_concurrency,
    recursion,
    runtime_management,
)
"""The modules of what nothing here can make yet, so that their operations truly answer "there is none", or AWS's default."""

INVOKE: Final = served_by_front_door("Invoke", "POST", "/2015-03-31/functions/{FunctionName}/invocations", status=200)
INVOKE_ASYNC: Final = served_by_front_door(
    "InvokeAsync", "POST", "/2014-11-13/functions/{FunctionName}/invoke-async", status=202
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    name: row for name, row in registered().items() if not row.path.startswith(OWN_PREFIX)
}
"""Every operation of AWS that raylambda has, by name."""

OWN_OPERATIONS: Final[Mapping[str, Operation]] = {
    name: row for name, row in registered().items() if row.path.startswith(OWN_PREFIX)
}
"""raylambda's own operations, by name; their paths are outside AWS's."""


def action(row: Operation) -> str:
    """What a policy calls this operation: ``lambda:CreateAlias``, ``raylambda:PutRayOptions``."""
    return f"{'raylambda' if row.path.startswith(OWN_PREFIX) else 'lambda'}:{row.name}"

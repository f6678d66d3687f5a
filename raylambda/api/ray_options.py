"""The Ray options of a function: raylambda's own resource, with Ray's own member names (``model.ray_options``).

They belong to the function and not to a version, and changing them gives every version a new generation
(``store.reads``), so that running environments are replaced by ones on hosts of the new class.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field

from raylambda.api.addressing import load_function, locate_unqualified
from raylambda.api.operation import Context, operation
from raylambda.api.wire import Wire
from raylambda.model.names import FunctionName
from raylambda.store.changes import record_change

PATH: Final = "/_raylambda/functions/{FunctionName}/ray-options"

_RAYS_OWN: Final = {"CPU", "GPU", "memory", "object_store_memory"}
_INSTALLERS: Final = {"uv", "pip"}


def _amount(value: float) -> float:
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"An amount of a resource must be a number that is not negative: {value}")
    return value


def _gpus(value: float) -> float:
    if _amount(value) > 1 and value != int(value):
        raise ValueError(f"num_gpus above 1 must be a whole number: {value}")
    return value


def _resources(value: dict[str, float]) -> dict[str, float]:
    for name, amount in value.items():
        _amount(amount)
        if not name or name in _RAYS_OWN:
            raise ValueError(f"resources names custom resources of Ray; {name!r} is none")
    return value


def _runtime_env(value: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(value) - _INSTALLERS - {"env_vars"})
    if unknown:
        raise ValueError(f"runtime_env takes uv, pip and env_vars, and not {', '.join(unknown)}")
    if set(value) >= _INSTALLERS:
        raise ValueError("runtime_env takes uv or pip, and not both")
    for installer in _INSTALLERS & set(value):
        _check_packages(installer, value[installer])
    variables = value.get("env_vars", {})
    if not isinstance(variables, dict) or not all(isinstance(item, str) for item in variables.values()):
        raise ValueError("runtime_env.env_vars must be an object whose values are strings")
    if not all(name and "=" not in name for name in variables):
        raise ValueError("runtime_env.env_vars has a name that no environment variable can have")
    return value


def _check_packages(installer: str, packages: object) -> None:
    """Requirements only: an option of the installer could make it read files of the node."""
    if not isinstance(packages, list) or not all(isinstance(item, str) and item.strip() for item in packages):
        raise ValueError(f"runtime_env.{installer} must be a list of requirements such as 'numpy==2.1.0'")
    options = [item for item in packages if item.strip().startswith("-")]
    if options:
        raise ValueError(f"runtime_env.{installer} takes requirements and no options: {options[0]}")


class RayOptionsDocument(Wire):
    """All options; those that are left out have their defaults, so a PUT replaces everything."""

    model_config = ConfigDict(alias_generator=None, extra="forbid")

    runtime_env: Annotated[dict[str, Any], AfterValidator(_runtime_env)] = Field(default_factory=dict)
    num_gpus: Annotated[float, AfterValidator(_gpus)] = 0.0
    resources: Annotated[dict[str, float], AfterValidator(_resources)] = Field(default_factory=dict)
    label_selector: dict[str, str] = Field(default_factory=dict)


class PutRayOptionsRequest(RayOptionsDocument):
    function_name: FunctionName = Field(alias="FunctionName")

    def document(self) -> RayOptionsDocument:
        """The options alone."""
        return RayOptionsDocument(**self.model_dump(exclude={"function_name"}))


class RayOptionsRequest(Wire):
    function_name: FunctionName


@operation("PUT", PATH)
def put_ray_options(context: Context, request: PutRayOptionsRequest) -> RayOptionsDocument:
    address = locate_unqualified(context, request.function_name)
    row = load_function(context, address)
    document = request.document()
    row.ray_options = document.model_dump()
    record_change(context.session, address.account, address.region, address.name)
    return document


@operation("GET", PATH)
def get_ray_options(context: Context, request: RayOptionsRequest) -> RayOptionsDocument:
    row = load_function(context, locate_unqualified(context, request.function_name))
    return RayOptionsDocument(**(row.ray_options or {}))


@operation("DELETE", PATH, status=204)
def delete_ray_options(context: Context, request: RayOptionsRequest) -> None:
    address = locate_unqualified(context, request.function_name)
    load_function(context, address).ray_options = None
    record_change(context.session, address.account, address.region, address.name)

"""The Ray options of a function: raylambda's own resource, with Ray's own member names (``model.ray_options``).

Whoever may set them may run code on the nodes outside every jail: an installer builds packages, and the variables are those
of the host itself. So they need the same key as every other operation, and no function can reach them.

They belong to the function and not to a version, and changing them gives every version a new generation
(``store.functions``), so that running environments are replaced by ones on hosts of the new class.
"""

from __future__ import annotations

import math
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from raylambda.model.addressing import Address, refuse_qualified
from raylambda.model.names import FunctionName
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.lookup import function_of, load_function
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire

PATH: Final = "/_raylambda/functions/{FunctionName}/ray-options"

_RAYS_OWN: Final = frozenset({"CPU", "GPU", "memory", "object_store_memory"})


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
            raise ValueError(f"resources takes custom resources of Ray, and {name!r} is none.")
    return value


def _requirements(value: list[str]) -> list[str]:
    """Requirements only: an option of the installer could make it read files of the node."""
    for requirement in value:
        if not requirement.strip() or requirement.strip().startswith("-"):
            raise ValueError(f"uv and pip take requirements such as 'numpy==2.1.0', and no options: {requirement!r}")
    return value


def _variables(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not name or "=" in name:
            raise ValueError(f"env_vars has a name that no environment variable can have: {name!r}")
    return value


_Requirements = Annotated[list[str], AfterValidator(_requirements)]


class RuntimeEnvironment(Wire):
    """The part of Ray's ``runtime_env`` that a function may have."""

    model_config = ConfigDict(alias_generator=None, extra="forbid")

    uv: _Requirements | None = None
    pip: _Requirements | None = None
    env_vars: Annotated[dict[str, str], AfterValidator(_variables)] | None = None

    @model_validator(mode="after")
    def _one_installer(self) -> RuntimeEnvironment:
        if self.uv is not None and self.pip is not None:
            raise ValueError("runtime_env takes uv or pip, and not both.")
        return self


class RayOptionsDocument(Wire):
    """All options; those that are left out have their defaults, so a PUT replaces everything."""

    model_config = ConfigDict(alias_generator=None, extra="forbid")

    runtime_env: RuntimeEnvironment = Field(default_factory=RuntimeEnvironment)
    num_gpus: Annotated[float, AfterValidator(_gpus)] = 0.0
    resources: Annotated[dict[str, float], AfterValidator(_resources)] = Field(default_factory=dict)
    label_selector: dict[str, str] = Field(default_factory=dict)


class PutRayOptionsRequest(RayOptionsDocument):
    function_name: FunctionName = Field(alias="FunctionName")

    def document(self) -> RayOptionsDocument:
        """The options alone."""
        return RayOptionsDocument(
            runtime_env=self.runtime_env,
            num_gpus=self.num_gpus,
            resources=self.resources,
            label_selector=self.label_selector,
        )


class RayOptionsRequest(Wire):
    function_name: FunctionName


@operation("PUT", PATH, function_of)
def put_ray_options(context: LambdaContext, request: PutRayOptionsRequest, address: Address) -> RayOptionsDocument:
    refuse_qualified(address)
    row = load_function(context, address)
    document = request.document()
    row.ray_options = document.model_dump(exclude_none=True)
    context.record_change(address)
    return document


@operation("GET", PATH, function_of)
def get_ray_options(context: LambdaContext, request: RayOptionsRequest, address: Address) -> RayOptionsDocument:
    refuse_qualified(address)
    row = load_function(context, address)
    return RayOptionsDocument.model_validate(row.ray_options or {})


@operation("DELETE", PATH, function_of, status=204)
def delete_ray_options(context: LambdaContext, request: RayOptionsRequest, address: Address) -> None:
    refuse_qualified(address)
    load_function(context, address).ray_options = None
    context.record_change(address)

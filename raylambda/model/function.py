"""What the data plane must know of a function; made from rows by ``store.functions``, kept in memory by the front door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from raylambda.model.arn import function_arn
from raylambda.model.ray_options import RayOptions

LATEST = "$LATEST"

FunctionKey = tuple[str, str, str]
"""(account, region, name)"""


class State(StrEnum):
    """``State`` of a function version (lambda-reference.md 3)."""

    PENDING = "Pending"
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    FAILED = "Failed"


class UpdateStatus(StrEnum):
    """``LastUpdateStatus`` of a function version."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version (a number, or ``$LATEST``) as an environment needs it.

    ``generation`` is new with every update of code, configuration or Ray options: environments of another generation
    are retired. ``code_sha256`` is the hex digest under which the code store keeps the package.
    """

    account: str
    region: str
    name: str
    version: str
    generation: str
    state: State
    runtime: str
    handler: str
    code_sha256: str
    code_size: int
    timeout_s: int = 3
    memory_mb: int = 128
    ephemeral_mb: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "x86_64"
    log_group: str = ""
    log_format: str = "Text"
    application_log_level: str | None = None
    system_log_level: str | None = None
    ray_options: RayOptions = field(default_factory=RayOptions)

    @property
    def function_arn(self) -> str:
        """The unqualified ARN."""
        return function_arn(self.region, self.account, self.name)


@dataclass(frozen=True, slots=True)
class Alias:
    """``weights`` maps additional versions to their share of calls, 0.0 to 1.0; the rest goes to ``version``."""

    name: str
    version: str
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """A function with all that an invocation may resolve to. ``versions`` always holds ``$LATEST``.

    ``to_activate``: an operation left a version Pending or InProgress, and whoever follows the store is to end that.
    """

    account: str
    region: str
    name: str
    versions: Mapping[str, FunctionVersion]
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    to_activate: bool = False

    @property
    def key(self) -> FunctionKey:
        return (self.account, self.region, self.name)

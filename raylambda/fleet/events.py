"""What the fleet is told, in the past tense, and what it wants done, in the imperative."""

from __future__ import annotations

from dataclasses import dataclass

from raylambda.hosts.placing import Lease, Refusal
from raylambda.hosts.ports import HostClass
from raylambda.model.function import FunctionKey, FunctionVersion

# -- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlacementRequested:
    """A caller wants an environment of ``version``; answered by one ``GrantLease`` or one ``RefusePlacement``."""

    placement_id: int
    version: FunctionVersion


@dataclass(frozen=True, slots=True)
class PlacementAbandoned:
    """The caller no longer waits. A placement that was granted by then is given back as a lease instead."""

    placement_id: int


@dataclass(frozen=True, slots=True)
class HostReady:
    """A host that ``CreateHost`` asked for runs, with a slice of ``memory_mb``."""

    host_id: str
    node_id: str
    memory_mb: int


@dataclass(frozen=True, slots=True)
class HostFailed:
    """A host that ``CreateHost`` asked for did not come up. ``unplaceable``: no node can meet its options; ``unfit``: the node
    cannot isolate functions as the settings demand.
    """

    host_id: str
    error: str
    unplaceable: bool
    unfit: bool = False


@dataclass(frozen=True, slots=True)
class HostDied:
    """A host died, with all its environments. May be told more than once."""

    host_id: str


@dataclass(frozen=True, slots=True)
class EnvironmentReady:
    """``BootEnvironment`` succeeded."""

    environment_id: str


@dataclass(frozen=True, slots=True)
class EnvironmentFailed:
    """``BootEnvironment`` failed on a host that goes on."""

    environment_id: str
    error: str


@dataclass(frozen=True, slots=True)
class EnvironmentGone:
    """The environment is no more: stopped as asked, ended by itself, or found missing."""

    environment_id: str


@dataclass(frozen=True, slots=True)
class LeaseGivenBack:
    """The caller is done. Giving a lease back again, or one whose host died, changes nothing."""

    lease: Lease
    reusable: bool


@dataclass(frozen=True, slots=True)
class VersionRetired:
    """Only these (version, generation) pairs of the function still serve; none at all once it is deleted."""

    key: FunctionKey
    current: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CodeCame:
    """The function was made or updated with code that no node may have yet. Nobody waits for it."""

    version: FunctionVersion


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""


FleetEvent = (
    PlacementRequested
    | PlacementAbandoned
    | HostReady
    | HostFailed
    | HostDied
    | EnvironmentReady
    | EnvironmentFailed
    | EnvironmentGone
    | LeaseGivenBack
    | VersionRetired
    | CodeCame
    | Tick
)


# -- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateHost:
    """Make a host; answered by ``HostReady`` or ``HostFailed``."""

    host_id: str
    host_class: HostClass
    at_least_mb: int


@dataclass(frozen=True, slots=True)
class ReleaseHost:
    """Shut down an empty host; the fleet has forgotten it."""

    host_id: str


@dataclass(frozen=True, slots=True)
class BootEnvironment:
    """Answered by ``EnvironmentReady``, ``EnvironmentFailed``, or ``HostDied``."""

    environment_id: str
    host_id: str
    version: FunctionVersion


@dataclass(frozen=True, slots=True)
class StopEnvironment:
    """Answered by ``EnvironmentGone`` or ``HostDied``."""

    environment_id: str
    host_id: str


@dataclass(frozen=True, slots=True)
class PrepareHost:
    """Have the version's package on the host's node before it is called; answered by nothing, or ``HostDied``."""

    host_id: str
    version: FunctionVersion


@dataclass(frozen=True, slots=True)
class GrantLease:
    lease: Lease


@dataclass(frozen=True, slots=True)
class RefusePlacement:
    placement_id: int
    refusal: Refusal
    message: str


FleetCommand = CreateHost | ReleaseHost | BootEnvironment | StopEnvironment | PrepareHost | GrantLease | RefusePlacement

"""Hosts, and what makes them: the seams that ``fleet``, ``scheduling`` and ``boot`` see the cluster through.

``ray_hosts`` implements them over Ray (``host.invoke.remote``), ``raylambda.testing.hosts`` in memory; both pass the same
tests, and a socket path to a host is one more implementation of ``Host``. Nothing above knows what carries a call.

Promises:

* ``HostLost`` is raised by every call to a host that is gone, whatever the carrier says; the caller then knows that the
  invocation may or may not have run, and the host never comes back under that id.
* ``invoke`` runs the event once. No implementation tries again by itself.
* Cancelling a call gives up the answer, not the invocation: the function runs to its end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from raylambda.model.environment import (
    EnvironmentStarted,
    EnvironmentStopped,
    HostEvent,
    HostFacts,
    HostUnfit,
    NoSuchEnvironment,
    PrepareVersion,
    StartEnvironment,
    StartRefused,
)
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.model.ray_options import RayOptions

__all__ = [
    "Cluster",
    "EnvironmentStopped",
    "Host",
    "HostClass",
    "HostLost",
    "HostNotMade",
    "HostSize",
    "HostUnfit",
    "NoSuchEnvironment",
    "PackageShelf",
    "StartRefused",
    "Unplaceable",
]


class HostLost(Exception):
    """The host, or its node, is gone."""


class Unplaceable(Exception):
    """No node of the cluster can meet the options; the text says what is missing."""


class HostNotMade(Exception):
    """No host could be made now (no room in the cluster, say); trying later may help. The text says what happened."""


@dataclass(frozen=True, slots=True)
class HostClass:
    """Hosts of one class are made alike: ``name`` is ``RayOptions.host_class``."""

    name: str
    options: RayOptions


@dataclass(frozen=True, slots=True)
class HostSize:
    """The slice of a node that a host holds."""

    memory_mb: int
    vcpus: float


class Host(Protocol):
    """One host. ``label`` names the call for people (``function:qualifier``), e.g. in ``ray list tasks``."""

    @property
    def facts(self) -> HostFacts: ...

    @property
    def size(self) -> HostSize: ...

    async def start(self, start: StartEnvironment, label: str) -> EnvironmentStarted:
        """Start an environment and wait for its INIT; raises ``StartRefused``."""
        ...

    async def prepare(self, order: PrepareVersion) -> None:
        """Have a package on the host's node and unpacked; one that is there is no error. Raises ``StartRefused``."""
        ...

    async def invoke(self, environment_id: str, invocation: Invocation, label: str) -> InvocationResult:
        """Run one event in an environment; raises ``NoSuchEnvironment`` (it did not run) and ``EnvironmentStopped`` (it may have)."""
        ...

    async def stop(self, environment_id: str) -> None:
        """SHUTDOWN an environment; one that is not there is no error."""
        ...

    def events(self) -> AsyncGenerator[Sequence[HostEvent]]:
        """Log lines and exits as they happen, each once, for the one listener; an empty batch every few seconds at least.

        It ends once the host is released and everything was read, and raises ``HostLost`` when the host is lost.
        """
        ...

    async def describe(self) -> Sequence[Mapping[str, object]]:
        """What the host says of its environments, for people; each has an ``environment_id``."""
        ...


class Cluster(Protocol):
    """Makes hosts and takes them back."""

    async def create_host(self, host_id: str, host_class: HostClass, at_least_mb: int) -> Host:
        """Create one host that holds ``at_least_mb`` or more, and wait until it runs.

        Raises ``Unplaceable`` when no node can meet the options as the cluster is now, ``HostUnfit`` when the node cannot
        isolate functions, and ``HostNotMade`` for every other reason (no room within the time limit, the host died while
        it started).
        """
        ...

    async def release_host(self, host: Host) -> Sequence[HostEvent]:
        """Shut a host down with everything in it, let its listener read what is on its way, and return the events that
        it has not read.

        Calls in flight raise ``HostLost``. A host that is lost already is no error, and releasing twice is none either.
        """
        ...


class PackageShelf(Protocol):
    """Where a start finds the code package of a function version."""

    async def package(self, code_sha256: str) -> list[Any]:
        """What ``StartEnvironment.package`` holds for this code; raises ``StartRefused`` when the code store has none."""
        ...

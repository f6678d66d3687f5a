"""What the front door and a host say to each other about execution environments.

These values travel through Ray, so they hold plain data; both ends import them from here because neither imports the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from raylambda.model.function import FunctionVersion


class EnvironmentStopped(Exception):
    """The environment ended while it ran the event, which may have run in part."""


class NoSuchEnvironment(Exception):
    """The host does not have this environment (any more); the event has not run."""


class StartRefused(Exception):
    """The host is there and cannot make this environment (a broken jail, say); the text says why."""


class HostUnfit(Exception):
    """The node cannot isolate functions as the settings demand; the text says what is missing, and the way out."""


@dataclass(frozen=True, slots=True)
class StartEnvironment:
    """Start one environment of ``version``; ``environment_id`` is chosen by the fleet.

    ``package`` holds one Ray object reference (in a list, so that Ray does not fetch it): the host reads the code package
    through it only when its node has no unpacked tree of ``version.code_sha256`` yet. With fakes it holds the bytes.
    """

    environment_id: str
    version: FunctionVersion
    log_stream: str
    package: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PrepareVersion:
    """Have the package of ``version`` on the node before its first environment is asked for; ``package`` as in a start."""

    version: FunctionVersion
    package: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EnvironmentStarted:
    """The environment exists and takes invocations. ``init_ok`` is false when INIT failed: its first invoke inits again."""

    environment_id: str
    init_ms: float
    init_ok: bool


@dataclass(frozen=True, slots=True)
class LogLines:
    """Whole lines of one log stream, oldest first; each with the epoch milliseconds at which the host read it."""

    account: str
    region: str
    log_group: str
    log_stream: str
    lines: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class EnvironmentExited:
    """An idle environment is gone (its jail ended by itself); never sent for one that is serving an invocation."""

    environment_id: str
    reason: str


HostEvent = LogLines | EnvironmentExited


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host says of itself once it runs."""

    host_id: str
    node_id: str
    node_name: str
    pid: int
    isolation: tuple[str, ...]
    warnings: tuple[str, ...]
    runtimes: tuple[str, ...]

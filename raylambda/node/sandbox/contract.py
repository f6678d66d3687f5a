"""The contract of a jail: what every implementation promises to ``environment``, and what it may ask for.

A sandbox launches *guests*. A guest is one jail that outlives its runtime processes: inside it, ``bootstrap/init.py`` is
process 1; it makes the Runtime API's listening socket in the jail's own network namespace, hands it out, and starts (and
starts again, after a reset, with ``/tmp`` kept) the runtime process on request.

Promises of every implementation:

* ``launch`` returns when the guest's ``api_socket`` listens and memory, pids and /tmp limits are in force; no code of the
  function has run by then. It raises ``SandboxError`` when the jail cannot be made, and then leaves nothing behind.
* A guest sees its own code tree (read-only), its own /tmp, its own processes and its own Runtime API, and nothing of any other guest.
* ``run`` starts the runtime process; ``exited`` gives its end. At most one runtime process at a time.
* ``kill`` ends every process of the guest but process 1, and returns when they are gone. It never fails on a guest that has ended.
* ``close`` ends everything, frees namespaces, cgroups and directories, and may be called twice. The host owns the guest
  until ``close``; if the host dies, the guest dies too.
* Everything a guest sends is hostile input: a broken or lying process 1 ends its own guest only.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

BOOTSTRAP_SOURCE: Final = Path(__file__).parents[1] / "runtimes" / "bootstrap"
"""What runs inside every jail, on the node: process 1 and the shipped runtimes."""
BOOTSTRAP_TARGET: Final = "/run/raylambda/bootstrap"
"""Where a jail sees it."""

TASK_ROOT: Final = "/var/task"
"""Where a jail sees the code tree of its function."""
OPT_ROOT: Final = "/opt"
"""An empty folder of every jail; AWS has layers there."""

OutputSink = Callable[[bytes], None]


class SandboxError(Exception):
    """A jail could not be made; the text says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A read-only bind of ``source`` (on the node) at ``target`` (in the jail)."""

    source: Path
    target: str


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """What to build a jail from. ``mounts`` are the runtime's own (interpreter, bootstrap, packages).

    ``init_interpreter`` is the Python, as seen on the node, that runs process 1; it lies under one of ``mounts``.
    ``forked``: its runtime processes will be forks of process 1, which so imports the Python runtime while the host is still busy
    with the jail; without it, at the first command that is ``forked``. Without ``network`` it has none, whatever others have.
    """

    environment_id: str
    code_tree: Path
    memory_mb: int
    ephemeral_mb: int
    init_interpreter: str
    mounts: Sequence[Mount] = ()
    devices: Sequence[str] = ()
    forked: bool = False
    network: bool = True


@dataclass(frozen=True, slots=True)
class RuntimeCommand:
    """One runtime process: ``argv`` and the whole environment, as the guest sees them.

    With ``forked`` it is a fork of process 1 that goes into the Python runtime loop, instead of executing ``argv``.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str = TASK_ROOT
    forked: bool = False


@dataclass(frozen=True, slots=True)
class RuntimeExit:
    """How a runtime process ended: an exit status, or a signal; ``out_of_memory`` when its limit killed it.

    ``guest_ended`` when the whole guest is gone with it, so that no ``run`` can follow.
    """

    exit_status: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    could_not_start: str | None = None
    guest_ended: bool = False


@dataclass(frozen=True, slots=True)
class Isolation:
    """What is in force, for people: ``measures`` in short words, ``warnings`` for what is weaker than asked for."""

    level: str
    measures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


class Guest(Protocol):
    """One jail. All methods are called from the host's event loop."""

    @property
    def api_socket(self) -> socket.socket:
        """The listening Runtime API socket, non-blocking; the guest object closes it in ``close``."""
        ...

    @property
    def api_address(self) -> str:
        """What the runtime finds in ``AWS_LAMBDA_RUNTIME_API``, e.g. ``127.0.0.1:9001``."""
        ...

    async def run(self, command: RuntimeCommand) -> None:
        """Start the runtime process; raises ``SandboxError`` when process 1 is gone."""
        ...

    async def exited(self) -> RuntimeExit:
        """Wait for the end of the runtime process that ``run`` started (or of the whole guest)."""
        ...

    async def kill(self) -> None: ...

    async def close(self) -> None: ...

    def drain(self) -> None:
        """Hand to ``output`` now what the guest has written so far (bounded), e.g. before the log tail is taken.

        ``exited`` has drained before it returns.
        """
        ...

    def memory_peak_mb(self) -> int:
        """The most memory that the guest has used since ``run``, in MB, without the files in its /tmp."""
        ...

    def describe(self) -> dict[str, object]:
        """For people, of any account: what the guest uses, and whether it has ended; no number or path of the node's."""
        ...


class Sandbox(Protocol):
    """Makes jails. ``output`` is called in the event loop with what the guest writes to stdout and stderr."""

    def isolation(self) -> Isolation: ...

    async def launch(self, spec: GuestSpec, output: OutputSink) -> Guest: ...

    async def close(self) -> None: ...

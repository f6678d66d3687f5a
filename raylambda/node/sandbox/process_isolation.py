"""``RAYLAMBDA_ISOLATION=process``: guests without a jail, for machines that have no namespaces.

Process 1 is the same program, an ordinary child of the host. Functions run as the host's own user: they can read what it can read,
see each other, and reach each other's Runtime API. What is left: a session, a /tmp of their own by ``TMPDIR``, closed descriptors,
their own environment variables, and the memory and process limits that this node offers.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Final

from raylambda.node.sandbox.contract import (
    BOOTSTRAP_SOURCE,
    OPT_ROOT,
    TASK_ROOT,
    Guest,
    GuestSpec,
    Isolation,
    OutputSink,
    SandboxError,
)
from raylambda.node.sandbox.guest import launch_guest
from raylambda.node.sandbox.limits.contract import LimitsFactory
from raylambda.node.sandbox.limits.memory_watch import MemoryWatch
from raylambda.node.sandbox.process_one import Launch

GRACE_S: Final = 5.0
_MISSING: Final = (
    "RAYLAMBDA_ISOLATION=process: functions are NOT isolated; they run as the host's user and can read its files",
    "functions see and can disturb each other's processes, files and Runtime API",
    f"the size of /tmp is not limited, and {TASK_ROOT} and {OPT_ROOT} do not exist: "
    "functions must use LAMBDA_TASK_ROOT and TMPDIR",
)


class ProcessSandbox:
    """Makes guests that are plain processes (``contract.Sandbox``). ``state_dir`` is ours, mode 0700."""

    def __init__(self, limits: LimitsFactory, state_dir: Path) -> None:
        self._limits = limits
        self._folders = state_dir / "tmp"
        self._folders.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._watch = MemoryWatch()
        self._guests: weakref.WeakSet[Guest] = weakref.WeakSet()

    def isolation(self) -> Isolation:
        return Isolation("process", (self._limits.measure,), (*_MISSING, *self._limits.warnings))

    async def launch(self, spec: GuestSpec, output: OutputSink) -> Guest:
        try:
            folder = Path(tempfile.mkdtemp(dir=self._folders))
            limits = self._limits.make(spec.environment_id, spec.memory_mb, spec.ephemeral_mb)
        except OSError as error:
            raise SandboxError(f"the guest cannot be made: {error}") from error

        async def give_back() -> None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

        def argv(control: int) -> list[str]:
            command = [
                spec.init_interpreter,
                "-I",
                "-S",
                str(BOOTSTRAP_SOURCE / "init.py"),
                str(control),
                "0",
                "--adopt",
            ]
            return [*command, "--forked"] if spec.forked else command

        environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
        launch = Launch(argv, limits, give_back, env=environment, guest_env={"TMPDIR": str(folder)}, grace_s=GRACE_S)
        guest = await launch_guest(spec, launch, output, self._watch)
        self._guests.add(guest)
        return guest

    async def close(self) -> None:
        await asyncio.gather(*(guest.close() for guest in list(self._guests)))
        self._limits.close()

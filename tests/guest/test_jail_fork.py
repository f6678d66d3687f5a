"""Runtimes that are forks of process 1."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from raylambda.node.sandbox.contract import (
    BOOTSTRAP_SOURCE,
    BOOTSTRAP_TARGET,
    Guest,
    GuestSpec,
    Mount,
    RuntimeCommand,
    RuntimeExit,
    Sandbox,
)
from tests.guest.jail_driver import PREFIX, PYTHON

pytestmark = [pytest.mark.anyio, pytest.mark.jail]

RUNTIME = """
import os, sys
imported_by = os.getpid()
def main():
    print(imported_by, os.getpid(), os.getppid(), os.environ["WORD"], sorted(os.environ) == ["WORD"], os.getcwd())
    print(len(os.listdir("/proc/self/fd")), os.getsid(0) == os.getpid(), open("/proc/self/oom_score_adj").read().strip())
    raise SystemExit(5)
"""


async def a_guest(sandbox: Sandbox, tmp_path: Path, output: bytearray, runtime: str | None, announced: bool) -> Guest:
    bootstrap, tree = tmp_path / "bootstrap", tmp_path / "tree"
    bootstrap.mkdir()
    tree.mkdir()
    shutil.copy(BOOTSTRAP_SOURCE / "init.py", bootstrap)
    if runtime is not None:
        (bootstrap / "python_runtime.py").write_text(runtime)
    mounts = (Mount(PREFIX, str(PREFIX)), Mount(bootstrap, BOOTSTRAP_TARGET))
    return await sandbox.launch(GuestSpec("fork", tree, 128, 16, PYTHON, mounts, forked=announced), output.extend)


def command() -> RuntimeCommand:
    return RuntimeCommand([], {"WORD": "hällo"}, forked=True)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_fork_shares_the_import_and_is_a_process_of_its_own(
    jail_sandbox: Sandbox, tmp_path: Path, announced: bool
) -> None:
    output = bytearray()
    guest = await a_guest(jail_sandbox, tmp_path, output, RUNTIME, announced)

    await guest.run(command())
    first = await guest.exited()
    await guest.run(command())

    assert first == await guest.exited() == RuntimeExit(exit_status=5)
    lines = output.decode().splitlines()
    assert lines[0] == "1 2 1 hällo True /var/task"
    assert lines[1].split()[:2] == ["4", "True"]
    assert int(lines[1].split()[2]) >= 800
    assert lines[2].startswith("1 3 1 ")


async def test_an_uncaught_error_is_a_traceback_and_status_1(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    output = bytearray()
    guest = await a_guest(jail_sandbox, tmp_path, output, "def main(): raise ValueError('oh')", announced=True)

    await guest.run(command())

    assert await guest.exited() == RuntimeExit(exit_status=1)
    assert output.decode().endswith("ValueError: oh\n")


@pytest.mark.parametrize(("runtime", "reason"), [(None, "No module named"), ("1 / 0", "division by zero")])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_runtime_that_cannot_be_imported_could_not_start(
    jail_sandbox: Sandbox, tmp_path: Path, runtime: str | None, reason: str, announced: bool
) -> None:
    guest = await a_guest(jail_sandbox, tmp_path, bytearray(), runtime, announced)

    await guest.run(command())

    assert reason in str((await guest.exited()).could_not_start)
    await guest.run(RuntimeCommand(["/bin/true"], {}))
    assert await guest.exited() == RuntimeExit(exit_status=0)


async def test_a_fork_that_takes_too_much_dies_alone(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    script = "def main():\n  x = b'x' * (400 << 20)\n  import time; time.sleep(600)"
    guest = await a_guest(jail_sandbox, tmp_path, bytearray(), script, announced=True)

    await guest.run(command())
    assert (await guest.exited()).out_of_memory

    await guest.run(RuntimeCommand(["/bin/true"], {}))
    assert await guest.exited() == RuntimeExit(exit_status=0)

"""Ends: of guests, of their host, and of what is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from raylambda.node.sandbox.contract import RuntimeExit, Sandbox, SandboxError
from raylambda.node.sandbox.limits.cgroups import process_name
from raylambda.node.sandbox.selection import make_sandbox, probe
from tests.guest.jail_driver import GuestMaker
from tests.waiting import reached

pytestmark = [pytest.mark.anyio, pytest.mark.jail]

HOST = """
import asyncio, sys
from pathlib import Path
from tests.guest.jail_driver import GuestMaker
from raylambda.node.sandbox.selection import make_sandbox

async def main():
    sandbox = await make_sandbox(sys.argv[2], "none", (), Path(sys.argv[1]) / "state")
    probe = await GuestMaker(sandbox, Path(sys.argv[1])).launch()
    await probe.start("import os, time\\nif os.fork() == 0: os.setsid()\\nprint('running', flush=True); time.sleep(600)")
    await probe.wait_for("running")
    print(probe.init_pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    try:
        return "Z" not in (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def mounts() -> str:
    return Path("/proc/self/mounts").read_text()


def cgroups_of(pid: int) -> list[Path]:
    """The cgroups of the host with this process id."""
    return list(Path("/sys/fs/cgroup").rglob(f"raylambda-*-{pid}-*"))


def a_host(folder: Path, isolation: str) -> tuple[subprocess.Popen[str], int]:
    """A process with one running guest; returns it and the guest's process 1."""
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", HOST, str(folder), isolation]
    host = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert host.stdout is not None
    return host, int(host.stdout.readline())


@pytest.mark.parametrize("isolation", ["jail", "process"])
async def test_a_killed_host_takes_its_guests_along(tmp_path: Path, isolation: str) -> None:
    host, init = a_host(tmp_path, isolation)
    below = children(init)
    assert below
    assert all(map(alive, [init, *below]))

    host.kill()
    host.communicate()

    await reached(lambda: not any(map(alive, [init, *below])))


async def test_a_killed_host_s_cgroups_are_removed_by_the_next(tmp_path: Path) -> None:
    host, init = await asyncio.to_thread(a_host, tmp_path, "jail")
    folders = cgroups_of(host.pid)
    host.kill()
    host.communicate()
    await reached(lambda: not alive(init))

    sandbox = await make_sandbox("jail", "none", (), tmp_path / "state")
    left = cgroups_of(host.pid)
    await sandbox.close()

    assert left == []
    assert bool(folders) == (os.geteuid() == 0)


async def test_close_leaves_no_process_mount_or_cgroup(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    before = mounts()
    makers = GuestMaker(jail_sandbox, tmp_path)
    probes = [await makers.launch() for _ in range(3)]
    for one in probes:
        await one.start("import os, time; os.fork(); print('up'); time.sleep(600)")
        await reached(lambda one=one: one.output.count(b"up") == 2)
    inits = [one.init_pid for one in probes]

    await jail_sandbox.close()

    assert not any(map(alive, inits))
    assert mounts() == before
    assert cgroups_of(os.getpid()) == []
    assert list((tmp_path / "state" / "hosts").iterdir()) == []


async def test_a_guest_whose_process_1_dies_is_over(jail_guests: GuestMaker) -> None:
    probe, neighbour = await jail_guests.launch(), await jail_guests.launch()
    await probe.start("import time; time.sleep(600)")

    os.kill(probe.init_pid, signal.SIGKILL)

    assert await probe.guest.exited() == RuntimeExit(signal=signal.SIGKILL, guest_ended=True)
    with pytest.raises(SandboxError, match="over"):
        await probe.start("pass")
    assert (await neighbour.run("pass"))[0].exit_status == 0


async def test_an_idle_guest_whose_process_1_dies_says_so_at_the_next_run(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()

    os.kill(probe.init_pid, signal.SIGKILL)

    assert (await probe.guest.exited()).guest_ended
    with pytest.raises(SandboxError):
        await probe.start("pass")


async def test_selection_takes_what_works_here(tmp_path: Path) -> None:
    sandbox = await make_sandbox("jail", "none", (), tmp_path / "state")

    isolation = sandbox.isolation()
    await probe(sandbox)
    await sandbox.close()

    assert isolation.level == "jail"
    assert any("seccomp" in measure for measure in isolation.measures)
    assert bool(isolation.warnings) == (os.geteuid() != 0)


async def test_process_isolation_says_what_it_is(tmp_path: Path) -> None:
    sandbox = await make_sandbox("process", "none", (), tmp_path / "state")

    isolation = sandbox.isolation()
    await sandbox.close()

    assert isolation.level == "process"
    assert any("NOT isolated" in warning for warning in isolation.warnings)


async def test_without_bubblewrap_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SandboxError, match=r"apt-get install bubblewrap.*RAYLAMBDA_ISOLATION=process"):
        await make_sandbox("jail", "none", (), tmp_path / "state")


async def test_jails_that_do_not_work_say_what_bubblewrap_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(SandboxError, match=r"No permissions to create new namespace.*user namespaces") as caught:
        await make_sandbox("jail", "none", (), tmp_path / "state")

    assert "\n" not in str(caught.value)


def test_a_process_has_a_name_for_its_life() -> None:
    assert process_name(os.getpid()) == process_name(os.getpid())
    assert process_name(os.getpid()) != process_name(os.getppid())

"""The holder: a small process that holds the outbound namespace of one host process, and what is run inside.

It is process 1 of a pid namespace of its own, and ends when its input ends. Then the kernel ends everything in that
namespace (the gateway program too), and with the last process go the mounts that keep the network namespaces. So
nothing is left behind, however the host process ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from raylambda.node.sandbox.network import scripts
from raylambda.node.sandbox.network.contract import NetworkUnavailable

PROGRAMS = ("slirp4netns", "nft", "ip", "nsenter", "unshare", "mount", "sh")
COMMAND_S: Final = 30.0
OTHERWISE = "or set RAYLAMBDA_NETWORK=none"
_ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21


def program_path() -> str:
    """Where programs are looked for: as for any command, and in the administrators' folders that users often lack."""
    return ":".join([*os.get_exec_path(), *_ADMIN_FOLDERS])


def check_programs(path: str) -> None:
    """Raise ``NetworkUnavailable`` naming what is not installed."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        install = "apt-get install slirp4netns nftables iproute2 util-linux"
        raise NetworkUnavailable(f"Outbound networking needs {', '.join(missing)}: {install}, {OTHERWISE}.")


def check_tunnel(device: Path = Path("/dev/net/tun")) -> None:
    """Raise ``NetworkUnavailable`` when the gateway program could not open its device."""
    if not os.access(device, os.R_OK | os.W_OK):
        raise NetworkUnavailable(
            f"Outbound networking needs {device}, readable and writable for this user"
            f" (as root: modprobe tun; chmod 0666 {device}), {OTHERWISE}."
        )


def may_administer(process_status: str) -> bool:
    """Whether a process with this ``/proc/PID/status`` may make namespaces without a user namespace of its own."""
    effective = next(line.split()[1] for line in process_status.splitlines() if line.startswith("CapEff:"))
    wanted = 1 << _CAP_NET_ADMIN | 1 << _CAP_SYS_ADMIN
    return int(effective, 16) & wanted == wanted


class NamespaceHolder:
    """One outbound namespace; ``start`` makes it. After ``close`` or the death of its process it stays dead."""

    def __init__(self, process: subprocess.Popen[bytes], lifeline: int, path: str, own_user: bool) -> None:
        """``lifeline``: the writing end of the pipe that is the process's input; only this process has it."""
        self._process, self._lifeline, self._own_user = process, lifeline, own_user
        self._environ = _environ(path)
        self._nsenter = str(shutil.which("nsenter", path=path))
        self.pid = 0

    @classmethod
    async def start(cls, path: str, own_user: bool) -> NamespaceHolder:
        """Returns when the outbound namespace exists; raises ``NetworkUnavailable``."""
        reading, lifeline = os.pipe()
        pipe = subprocess.PIPE
        argv = scripts.holder_argv(own_user)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220  # vfork: as short as asyncio's own
                argv, stdin=reading, stdout=pipe, stderr=pipe, env=_environ(path), cwd="/"
            )
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(reading)
        holder = cls(process, lifeline, path, own_user)
        await holder._await_ready()
        return holder

    async def _await_ready(self) -> None:
        try:
            told = await _first_line(self._process.stdout)
            if not told.isdigit():
                errors = await _first_line(self._process.stderr)
                raise NetworkUnavailable(f"No network namespace can be made here ({errors}): {_WAY_OUT}")
        except BaseException:
            await self.close()
            raise
        self.pid = int(told)

    @property
    def alive(self) -> bool:
        """Asks the kernel: the news of a child's end comes late."""
        return self._lifeline >= 0 and self._namespace(scripts.OUTBOUND).exists()

    def _namespace(self, name: str) -> Path:
        """A network namespace by its path in the holder's mount namespace."""
        return Path(f"/proc/{self.pid}/root{scripts.NAMESPACES}/{name}")

    def guest_prefix(self, number: int) -> tuple[str, ...]:
        """Enter a guest's network namespace, and the user namespace that owns it."""
        network = self._namespace(scripts.guest_name(number))
        return (self._nsenter, *self._user_entry(), f"--net={network}")

    async def inside(self, script: str, text: str = "") -> None:
        """Run a shell script in the outbound namespace with ``text`` as its input; raises ``NetworkUnavailable``."""
        network = f"--net={self._namespace(scripts.OUTBOUND)}"
        await self._run((*self._entry(), network, "sh", "-ec", script), text)

    async def outside(self, script: str) -> None:
        """Run a shell script with mounts of its own, in the holder's namespaces but the node's network; raises ``NetworkUnavailable``."""
        await self._run((*self._entry(), "unshare", "--mount", "sh", "-ec", script))

    def _entry(self) -> tuple[str, ...]:
        return (self._nsenter, *self._user_entry(), f"--target={self.pid}", "--mount", "--pid")

    def _user_entry(self) -> tuple[str, ...]:
        return (f"--user=/proc/{self.pid}/ns/user", "--preserve-credentials") if self._own_user else ()

    async def _run(self, argv: Sequence[str], text: str = "") -> None:
        """In a thread: asyncio's own subprocesses need the main thread's signals, and a Ray actor's loop is not there."""

        def run() -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                argv,
                input=text.encode(),
                capture_output=True,
                env=self._environ,
                cwd="/",
                timeout=COMMAND_S,
                check=False,
            )

        try:
            done = await asyncio.to_thread(run)
        except subprocess.TimeoutExpired:
            raise NetworkUnavailable(f"Outbound networking failed ({argv[-1]!r} hangs), {OTHERWISE}.") from None
        if done.returncode:
            raise NetworkUnavailable(
                f"Outbound networking failed ({one_line(done.stderr) or done.returncode}), {OTHERWISE}."
            )

    async def close(self) -> None:
        """End the holder and with it everything inside; returns when it is gone. May be called twice."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        await asyncio.to_thread(self._process.communicate)


_WAY_OUT = f"run as root, allow user namespaces, {OTHERWISE}."


def one_line(errors: bytes) -> str:
    """What a program said last, for a message of one line."""
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


def _environ(path: str) -> dict[str, str]:
    return {"PATH": path, "LC_ALL": "C"}


async def _first_line(stream: IO[bytes] | None) -> str:
    line = await asyncio.to_thread(stream.readline) if stream is not None else b""
    return line.decode(errors="replace").strip()

"""Process 1 of one guest, as its host sees it: started, asked, and ended.

What it says is believed only as far as it can be checked: a report must be the answer to what was asked, in time, or the end of a
runtime process that runs. Whatever else happens ends this guest and nothing more. The end is always made from outside: the host
kills the first process, and in a jail the kernel then kills the whole process namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from raylambda.node.sandbox.contract import SandboxError
from raylambda.node.sandbox.control_protocol import Exited, Hello, NoSocket, Report, Started
from raylambda.node.sandbox.control_socket import ControlSocket
from raylambda.node.sandbox.limits.contract import GuestLimits

HELLO_S: Final = 20.0
ANSWER_S: Final = 10.0
END_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a guest. ``argv`` makes the command line from the number of the control descriptor; the limits go before it.

    ``give_back`` frees what the isolation took for this guest, after its end. ``grace_s`` is how long process 1 may clean up by
    itself before it is killed. ``guest_env`` has variables that the isolation sets for every runtime process.
    """

    argv: Callable[[int], Sequence[str]]
    limits: GuestLimits
    give_back: Callable[[], Awaitable[None]]
    pass_fds: Sequence[int] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    guest_env: Mapping[str, str] = field(default_factory=dict)
    grace_s: float = 0.0

    async def give_back_all(self) -> None:
        """Give back the limits and what the isolation took; no process of the guest is left."""
        await self.limits.give_back()
        await self.give_back()


class ProcessOne:
    """``on_exited`` is called for each end of a runtime process, ``on_end`` once, with the reason, when the guest is over."""

    def __init__(self, launch: Launch, on_exited: Callable[[Exited], None], on_end: Callable[[str], None]) -> None:
        self._launch = launch
        self._on_exited = on_exited
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._control = ControlSocket(self._on_report, self.end)
        self._child: _Child | None = None
        self._init: int | None = None  # pidfd
        self._turn = asyncio.Lock()
        self._awaited: tuple[type[Report], ...] = ()
        self._answer: asyncio.Future[Report] | None = None
        self._runtime_runs = False
        self.ended: str | None = None

    @property
    def api_socket(self) -> socket.socket:
        if self._control.api_socket is None:
            raise SandboxError("the guest has no Runtime API socket")
        return self._control.api_socket

    async def start(self, output: int) -> int:
        """Start the jail's program and wait for the hello; returns the process id of process 1. Raises ``SandboxError``."""
        argv = [*self._launch.limits.argv_prefix(), *self._launch.argv(self._control.theirs.fileno())]
        descriptors = (*self._launch.pass_fds, self._control.theirs.fileno())
        answer = self._expect(Hello, NoSocket)
        try:
            self._child = _Child(argv, output, descriptors, self._launch.env)
        except OSError as error:
            self.end("it was never started")
            raise SandboxError(f"{argv[0]} does not start: {error.strerror}") from error
        self._control.guest_has_it()
        self._child.ended.add_done_callback(lambda ended: self.end(f"its first process ended with {ended.result()}"))
        report = await self._settled(answer, HELLO_S)
        if isinstance(report, NoSocket) or self._control.init_pid is None:
            raise SandboxError(f"no Runtime API socket: {report}")
        self._init = _open_process(self._control.init_pid, self._child.pid)
        return self._control.init_pid

    async def ask(self, frame: bytes, *answers: type[Report]) -> Report:
        """Send a command and wait for one of ``answers``; raises ``SandboxError`` when the guest is over or silent."""
        async with self._turn:
            answer = self._expect(*answers)
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._control.send(frame)
            except (TimeoutError, OSError):
                self.end("process 1 does not listen")
            return await self._settled(answer, ANSWER_S)

    def end(self, reason: str) -> None:
        """End the guest; only the first reason counts."""
        if self.ended is not None:
            return
        self.ended = reason
        self._control.close()
        if self._launch.grace_s:
            self._loop.call_later(self._launch.grace_s, self._kill)
        else:
            self._kill()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(SandboxError(f"the guest is over: {reason}"))
            self._answer.exception()  # seen: whoever asked may have been cancelled
        self._on_end(reason)

    async def gone(self) -> None:
        """Wait until the first process, and so every process of a jail, has ended; at most ``END_S``."""
        if self._child is not None:
            await asyncio.wait((self._child.ended,), timeout=END_S)
            self._child.kill()

    def close(self) -> None:
        """Close what is open; the guest is over."""
        self._control.close()
        if self._init is not None:
            os.close(self._init)
            self._init = None
        if self._control.api_socket is not None:
            self._control.api_socket.close()

    def _kill(self) -> None:
        """Kill process 1. The jail's program outside waits for it, and so its end is that of all of the guest's processes."""
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        elif self._child is not None:
            self._child.kill()

    def _expect(self, *answers: type[Report]) -> asyncio.Future[Report]:
        self._awaited = answers
        self._answer = self._loop.create_future()
        if self.ended is not None:
            self._answer.set_exception(SandboxError(f"the guest is over: {self.ended}"))
        return self._answer

    async def _settled(self, answer: asyncio.Future[Report], seconds: float) -> Report:
        await asyncio.wait((answer,), timeout=seconds)
        if not answer.done():
            self.end("process 1 is silent")
        return answer.result()

    def _on_report(self, report: Report) -> None:
        if isinstance(report, Exited) and self._runtime_runs:
            self._runtime_runs = False
            self._on_exited(report)
        elif self._answer is not None and not self._answer.done() and isinstance(report, self._awaited):
            self._runtime_runs = self._runtime_runs or isinstance(report, Started)
            self._answer.set_result(report)
        else:
            self.end(f"process 1 misbehaved: it sent an unasked {type(report).__name__}")


class _Child:
    """A program of ours and its end, without threads: started by vfork, watched by a pidfd. It must be started in the loop's own thread: the kernel ends it when that thread ends."""

    def __init__(self, argv: Sequence[str], output: int, pass_fds: Sequence[int], env: Mapping[str, str]) -> None:
        """Start ``argv``; raises ``OSError``. ``output`` takes its stdout and stderr."""
        self._loop = asyncio.get_running_loop()
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            env=env,
            cwd="/",
            start_new_session=True,
        )
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._watch = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._watch, self._on_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _on_end(self) -> None:
        self._loop.remove_reader(self._watch)
        os.close(self._watch)
        status = self._process.wait()
        if not self.ended.done():
            self.ended.set_result(status)


def _open_process(pid: int, jail_pid: int) -> int:
    """A descriptor of process 1: the jail's program itself or its child, and no process that got the number afterwards."""
    try:
        descriptor = os.pidfd_open(pid)
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError as error:
        raise SandboxError("process 1 is gone") from error
    if jail_pid not in {pid, parent}:
        os.close(descriptor)
        raise SandboxError("process 1 is not the one that was started")
    return descriptor

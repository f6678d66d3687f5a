"""One guest as ``environment`` sees it (``contract.Guest``), shared by all isolations: runtime processes, output, limits, end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from dataclasses import replace
from pathlib import Path

from raylambda.node.sandbox.contract import GuestSpec, OutputSink, RuntimeCommand, RuntimeExit, SandboxError
from raylambda.node.sandbox.control_protocol import KILL, Exited, Killed, NotStarted, Started, encode_run
from raylambda.node.sandbox.limits.contract import MEGABYTE
from raylambda.node.sandbox.limits.memory_watch import MemoryWatch, Watch
from raylambda.node.sandbox.output import OutputPipe
from raylambda.node.sandbox.process_one import Launch, ProcessOne


async def launch_guest(spec: GuestSpec, launch: Launch, sink: OutputSink, watch: MemoryWatch) -> ConfinedGuest:
    """Start a guest and put it under its limits; raises ``SandboxError``, and then everything is freed."""
    try:
        guest = ConfinedGuest(spec, launch, sink, watch)
    except OSError as error:
        await launch.give_back_all()
        raise SandboxError(f"the jail cannot be made: {error}") from error
    try:
        await guest.start()
    except BaseException:
        await guest.close()
        raise
    return guest


class ConfinedGuest:
    """Made by ``launch_guest``; all methods are called from the host's event loop. ``init_pid`` is process 1, as the node numbers it."""

    def __init__(self, spec: GuestSpec, launch: Launch, sink: OutputSink, memory_watch: MemoryWatch) -> None:
        self._spec = spec
        self._launch = launch
        self._memory_watch = memory_watch
        self._output = OutputPipe(sink)
        self._process_one = ProcessOne(launch, self._on_exited, self._on_end)
        self.init_pid: int | None = None
        self._exit: asyncio.Future[RuntimeExit] = asyncio.get_running_loop().create_future()
        self._oom_kills_before = 0
        self._over_limit: str | None = None
        self._rescue: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._watch = Watch(launch.limits, spec.memory_mb * MEGABYTE, self._on_over_limit)

    @property
    def api_socket(self) -> socket.socket:
        return self._process_one.api_socket

    @property
    def api_address(self) -> str:
        host, port = self.api_socket.getsockname()
        return f"{host}:{port}"

    async def start(self) -> None:
        """Start process 1 and put it under its limits, before it has started anything; raises ``SandboxError`` with what the jail's program wrote."""
        try:
            self.init_pid = await self._process_one.start(self._output.write_end)
            self._output.guest_has_it()
            _confine(self.init_pid, self._launch)
        except (SandboxError, OSError) as error:
            self._process_one.end(str(error))
            await self._process_one.gone()
            self._output.drain()
            said = self._output.early.decode("utf-8", "replace").strip()
            raise SandboxError(f"the jail cannot be made: {said or error}") from error
        self._output.begin()
        self._memory_watch.add(self._watch)

    async def run(self, command: RuntimeCommand) -> None:
        self._over_limit = None
        self._watch.peak_bytes = 0
        self._oom_kills_before = self._launch.limits.oom_kills()
        if self._exit.done() and self._process_one.ended is None:
            self._exit = asyncio.get_running_loop().create_future()
        try:
            frame = encode_run(replace(command, env={**command.env, **self._launch.guest_env}))
        except ValueError as error:
            self._settle(RuntimeExit(could_not_start=str(error)))
            return
        answer = await self._process_one.ask(frame, Started, NotStarted)
        if isinstance(answer, NotStarted):
            self._settle(RuntimeExit(could_not_start=answer.reason))

    async def exited(self) -> RuntimeExit:
        return await asyncio.shield(self._exit)

    async def kill(self) -> None:
        try:
            await self._process_one.ask(KILL, Killed)
        except SandboxError:
            await self._process_one.gone()

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    def drain(self) -> None:
        self._output.drain()

    def memory_peak_mb(self) -> int:
        if self._process_one.ended is None:
            self._watch.look()
        return -(-self._watch.peak_bytes // MEGABYTE)

    def describe(self) -> dict[str, object]:
        return {
            "memory_mb": self._watch.last_bytes // MEGABYTE,
            "memory_peak_mb": -(-self._watch.peak_bytes // MEGABYTE),
            "memory_limit_mb": self._spec.memory_mb,
            "ended": self._process_one.ended,
        }

    async def _close(self) -> None:
        self._process_one.end("closed")
        self._memory_watch.remove(self._watch)
        await self._process_one.gone()
        self._output.close()
        self._process_one.close()
        await self._launch.give_back_all()

    def _on_exited(self, report: Exited) -> None:
        self._settle(RuntimeExit(report.status, report.signal))

    def _on_end(self, reason: str) -> None:
        self._settle(RuntimeExit(signal=signal.SIGKILL, guest_ended=True))

    def _settle(self, end: RuntimeExit) -> None:
        """Record the end of the runtime process, after everything that it has written.

        One that was killed since ``run``, while the watch or the kernel killed for memory, is out of memory.
        """
        if not self._exit.done():
            self._output.drain()
            for_memory = self._over_limit == "memory" or self._launch.limits.oom_kills() > self._oom_kills_before
            self._exit.set_result(replace(end, out_of_memory=end.signal == signal.SIGKILL and for_memory))

    def _on_over_limit(self, limit: str) -> None:
        if self._rescue is None or self._rescue.done():
            self._over_limit = limit
            self._rescue = asyncio.get_running_loop().create_task(self.kill())


def _confine(init_pid: int, launch: Launch) -> None:
    """Put process 1 under its limits; raises ``OSError``."""
    launch.limits.admit(init_pid)
    with contextlib.suppress(OSError):  # where our own score may not be lowered, process 1 keeps it
        Path(f"/proc/{init_pid}/oom_score_adj").write_text("0")

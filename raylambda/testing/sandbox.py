"""A sandbox without jails: guests whose runtime processes are scripts, and speak real HTTP to the Runtime API.

A script is a list of steps, so that a test reads as the story of a runtime::

    FakeSandbox([next_event, respond(b'"hi"'), next_event, exits(status=1)])

Each ``StartRuntime`` runs the next script; the last one is run again for every later start. A script that comes to its end
exits with status 0, as a program does. ``/tmp`` and jails are not faked: nothing here protects anybody from anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from raylambda.node.sandbox.contract import GuestSpec, Isolation, OutputSink, RuntimeCommand, RuntimeExit, SandboxError

_API = "/2018-06-01/runtime"


@dataclass(frozen=True)
class ApiReply:
    """What the Runtime API answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Ends(Exception):
    """The scripted process ends here."""

    def __init__(self, end: RuntimeExit) -> None:
        super().__init__(str(end))
        self.end = end


class FakeRuntime:
    """The scripted process as its steps see it. ``event`` is the last reply to ``next``; ``replies`` are all the others."""

    def __init__(self, command: RuntimeCommand, output: OutputSink, address: tuple[str, int]) -> None:
        self.command = command
        self.event: ApiReply | None = None
        self.replies: list[ApiReply] = []
        self._output = output
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def request_id(self) -> str:
        """The id of the event that the script has."""
        return "" if self.event is None else self.event.headers["lambda-runtime-aws-request-id"]

    def write(self, data: bytes) -> None:
        """As if to stdout."""
        self._output(data)

    def end(self, end: RuntimeExit) -> NoReturn:
        """End the process."""
        raise _Ends(end)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ApiReply:
        """One HTTP request on the connection that the script keeps."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._address[0]}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return await _read_reply(reader)

    async def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
            self._streams = None


async def _read_reply(reader: asyncio.StreamReader) -> ApiReply:
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.partition(": ") for line in lines if line]
    headers = {name.lower(): value for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return ApiReply(int(status_line.split()[1]), headers, body)


Step = Callable[[FakeRuntime], Awaitable[None]]
Script = Sequence[Step]


async def next_event(runtime: FakeRuntime) -> None:
    """Ask for an event and wait for it; a refusal is kept with the other replies."""
    reply = await runtime.request("GET", f"{_API}/invocation/next")
    if reply.status == 200:
        runtime.event = reply
    else:
        runtime.replies.append(reply)


def respond(body: bytes, headers: Mapping[str, str] | None = None) -> Step:
    """Answer the event."""

    async def step(runtime: FakeRuntime) -> None:
        path = f"{_API}/invocation/{runtime.request_id}/response"
        runtime.replies.append(await runtime.request("POST", path, body, headers))

    return step


def report_error(body: bytes, error_type: str = "") -> Step:
    """Answer the event with an error."""

    async def step(runtime: FakeRuntime) -> None:
        path = f"{_API}/invocation/{runtime.request_id}/error"
        headers = {"Lambda-Runtime-Function-Error-Type": error_type}
        runtime.replies.append(await runtime.request("POST", path, body, headers))

    return step


def report_init_error(body: bytes, error_type: str = "") -> Step:
    """Report that INIT failed."""

    async def step(runtime: FakeRuntime) -> None:
        headers = {"Lambda-Runtime-Function-Error-Type": error_type}
        runtime.replies.append(await runtime.request("POST", f"{_API}/init/error", body, headers))

    return step


def writes(text: str) -> Step:
    """Print."""

    async def step(runtime: FakeRuntime) -> None:
        runtime.write(text.encode())

    return step


def exits(status: int | None = None, *, killed_by: int | None = None, out_of_memory: bool = False) -> Step:
    """End with an exit status, or by a signal."""

    async def step(runtime: FakeRuntime) -> None:
        runtime.end(RuntimeExit(exit_status=status, signal=killed_by, out_of_memory=out_of_memory))

    return step


async def loses_jail(runtime: FakeRuntime) -> None:
    """End together with the whole guest."""
    runtime.end(RuntimeExit(signal=signal.SIGKILL, guest_ended=True))


async def hangs(_: FakeRuntime) -> None:
    """Do nothing, for ever."""
    await asyncio.get_running_loop().create_future()


def serves(handler: Callable[[bytes], bytes]) -> Step:
    """Answer events for ever."""

    async def step(runtime: FakeRuntime) -> None:
        while True:
            await next_event(runtime)
            body = runtime.event.body if runtime.event is not None else b""
            await respond(handler(body))(runtime)

    return step


ECHO: Script = (serves(lambda event: event),)


@dataclass
class FakeGuest:
    """One guest; ``runtimes`` are the processes it has run, ``memory_mb`` is what it says it has used."""

    spec: GuestSpec
    scripts: Sequence[Script]
    output: OutputSink
    memory_mb: int = 36
    closed: bool = False
    kills: int = 0
    runtimes: list[FakeRuntime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._process: asyncio.Task[RuntimeExit] | None = None

    @property
    def api_socket(self) -> socket.socket:
        return self._socket

    @property
    def api_address(self) -> str:
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    async def run(self, command: RuntimeCommand) -> None:
        if self.closed:
            raise SandboxError(f"the jail {self.spec.environment_id} has ended")
        runtime = FakeRuntime(command, self.output, self._socket.getsockname())
        script = self.scripts[min(len(self.runtimes), len(self.scripts) - 1)]
        self.runtimes.append(runtime)
        self._process = asyncio.get_running_loop().create_task(_play(runtime, script))

    async def exited(self) -> RuntimeExit:
        if self._process is None:
            raise SandboxError("nothing runs")
        await asyncio.wait([self._process])
        return RuntimeExit(signal=signal.SIGKILL) if self._process.cancelled() else self._process.result()

    async def kill(self) -> None:
        self.kills += 1
        await self._end_process()

    async def close(self) -> None:
        self.closed = True
        await self._end_process()
        self._socket.close()

    def drain(self) -> None:
        """Nothing is ever held back."""

    def memory_peak_mb(self) -> int:
        return self.memory_mb

    def describe(self) -> dict[str, object]:
        return {"fake": True, "processes": len(self.runtimes)}

    async def _end_process(self) -> None:
        if self._process is not None:
            self._process.cancel()
            await asyncio.wait([self._process])


async def _play(runtime: FakeRuntime, script: Script) -> RuntimeExit:
    try:
        for step in script:
            await step(runtime)
    except _Ends as ends:
        return ends.end
    except (ConnectionError, asyncio.IncompleteReadError):
        return RuntimeExit(exit_status=1)
    finally:
        await runtime.close()
    return RuntimeExit(exit_status=0)


class FakeSandbox:
    """Launches ``FakeGuest``s that play ``scripts``; by default they answer every event with itself. ``guests`` keeps them all."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts or (ECHO,)
        self.guests: list[FakeGuest] = []
        self.refuse: str | None = None

    def isolation(self) -> Isolation:
        return Isolation("fake", warnings=("nothing is isolated",))

    async def launch(self, spec: GuestSpec, output: OutputSink) -> FakeGuest:
        if self.refuse is not None:
            raise SandboxError(self.refuse)
        guest = FakeGuest(spec, self._scripts, output)
        self.guests.append(guest)
        return guest

    async def close(self) -> None:
        for guest in self.guests:
            await guest.close()

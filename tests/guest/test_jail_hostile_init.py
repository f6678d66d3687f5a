"""A process 1 that lies, floods, or keeps silent ends its own guest and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from raylambda.node.sandbox import process_one
from raylambda.node.sandbox.contract import GuestSpec, RuntimeCommand, SandboxError
from raylambda.node.sandbox.guest import ConfinedGuest, launch_guest
from raylambda.node.sandbox.limits.memory_watch import MemoryWatch
from raylambda.node.sandbox.limits.watched_limits import WatchedLimits
from raylambda.node.sandbox.process_one import Launch
from tests.waiting import reached

pytestmark = pytest.mark.anyio

PRELUDE = """
import array, os, socket, sys, time
control = socket.socket(fileno=int(sys.argv[1]))
def frame(*fields):
    body = b"\\0".join(fields)
    return len(body).to_bytes(4, "big") + body
def listener():
    api = socket.create_server(("127.0.0.1", 0))
    return api
def send(data, *files):
    control.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f.fileno() for f in files]))] if files else [])
def hello():
    send(frame(b"hello"), listener())
def sleep():
    time.sleep(600)
"""

BEFORE_HELLO = {
    "nothing": "raise SystemExit(3)",
    "a hello without a socket": "send(frame(b'hello')); sleep()",
    "a file instead of a socket": "send(frame(b'hello'), open('/etc/passwd')); sleep()",
    "a socket that does not listen": "send(frame(b'hello'), socket.socket()); sleep()",
    "a socket of another family": "s = socket.socket(socket.AF_UNIX); s.bind('\\0x%d' % os.getpid()); s.listen(); send(frame(b'hello'), s); sleep()",
    "a socket that listens everywhere": "send(frame(b'hello'), socket.create_server(('0.0.0.0', 0))); sleep()",
    "two sockets": "send(frame(b'hello'), listener(), listener()); sleep()",
    "a refusal": "send(frame(b'refused', b'no port')); sleep()",
    "an exit before anything": "send(frame(b'exited', b'status', b'0', b'1')); sleep()",
    "a huge frame": "send(b'\\xff\\xff\\xff\\xff'); sleep()",
    "garbage": "send(b'\\0\\0\\0\\4\\xff\\xfe\\0!'); sleep()",
    "half a frame and an end": "send(b'\\0\\0')",
}

AFTER_HELLO = {
    "an end": "raise SystemExit(3)",
    "a second hello": "hello()",
    "an unasked start": "send(frame(b'started') * 2)",
    "an exit of nothing": "send(frame(b'exited', b'status', b'0', b'1'))",
    "descriptors": "send(frame(b'started'), listener())",
    "a number that is none": "control.recv(4096); send(frame(b'started')); send(frame(b'exited', b'status', b'-1', b'0'))",
    "a flood": "control.setblocking(True)\nwhile True: control.sendall(frame(b'killed') * 1000)",
}


@pytest.fixture
async def watch() -> AsyncIterator[MemoryWatch]:
    yield MemoryWatch()


async def launched(script: str, watch: MemoryWatch) -> ConfinedGuest:
    released = asyncio.get_running_loop().create_future()

    async def give_back() -> None:
        released.set_result(None)

    launch = Launch(lambda fd: [sys.executable, "-c", PRELUDE + script, str(fd)], WatchedLimits(1 << 30), give_back)
    return await launch_guest(GuestSpec("e", Path("/tmp"), 128, 16, ""), launch, lambda data: None, watch)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("script", BEFORE_HELLO.values(), ids=BEFORE_HELLO.keys())
async def test_a_false_start_is_a_sandbox_error_and_leaves_nothing(script: str, watch: MemoryWatch) -> None:
    before = descriptors()

    with pytest.raises(SandboxError):
        await launched(script, watch)

    await reached(lambda: descriptors() <= before)


@pytest.mark.parametrize("script", AFTER_HELLO.values(), ids=AFTER_HELLO.keys())
async def test_misbehaviour_ends_the_guest(script: str, watch: MemoryWatch) -> None:
    guest = await launched(f"hello(); control.recv(4)\n{script}\nsleep()", watch)
    run = asyncio.ensure_future(guest.run(RuntimeCommand(["x"], {})))

    end = await guest.exited()
    await asyncio.gather(run, return_exceptions=True)
    await guest.close()

    assert end.guest_ended
    assert end.signal == signal.SIGKILL


async def test_silence_ends_the_guest(watch: MemoryWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_one, "ANSWER_S", 0.2)
    guest = await launched("hello(); sleep()", watch)

    with pytest.raises(SandboxError, match="silent"):
        await guest.run(RuntimeCommand(["x"], {}))

    await guest.close()


async def test_one_that_does_not_read_ends_its_guest(watch: MemoryWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_one, "ANSWER_S", 0.2)
    guest = await launched("hello(); sleep()", watch)

    with pytest.raises(SandboxError, match="listen"):
        await guest.run(RuntimeCommand(["x"], {"A": "v" * 4_000_000}))

    await guest.close()


async def test_no_hello_in_time_is_a_sandbox_error(watch: MemoryWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_one, "HELLO_S", 0.2)

    with pytest.raises(SandboxError, match="silent"):
        await launched("sleep()", watch)


async def test_a_lying_end_resolves_but_the_process_is_killed_at_close(watch: MemoryWatch) -> None:
    script = (
        "hello()\ncontrol.recv(4096); send(frame(b'started')); send(frame(b'exited', b'status', b'0', b'1')); sleep()"
    )
    guest = await launched(script, watch)
    pid = guest.init_pid
    assert pid is not None

    await guest.run(RuntimeCommand(["x"], {}))
    end = await guest.exited()
    await guest.close()

    assert end.exit_status == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_what_the_jail_s_program_said_is_in_the_error(watch: MemoryWatch) -> None:
    with pytest.raises(SandboxError, match="bwrap: it is broken"):
        await launched("print('bwrap: it is broken', file=sys.stderr); raise SystemExit(1)", watch)

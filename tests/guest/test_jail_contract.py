"""What every sandbox promises (``contract.py``), with and without a jail."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from pathlib import Path

import pytest

from raylambda.node.sandbox.contract import GuestSpec, RuntimeCommand, RuntimeExit, SandboxError
from tests.guest.jail_driver import PYTHON, GuestMaker
from tests.waiting import reached

pytestmark = [pytest.mark.anyio, pytest.mark.jail]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def command_lines() -> bytes:
    return b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())


async def test_the_api_socket_listens_and_only_the_guest_talks_to_it(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    script = (
        "import os,socket; h,p=os.environ['API'].split(':'); socket.create_connection((h,int(p))).sendall(b'hello')"
    )

    await probe.start(script, {"API": probe.guest.api_address})
    connection, _ = await asyncio.get_running_loop().sock_accept(probe.guest.api_socket)
    connection.setblocking(True)

    with connection:
        assert connection.recv(100) == b"hello"
    assert not probe.guest.api_socket.getblocking()


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("raise SystemExit(7)", RuntimeExit(exit_status=7)),
        ("pass", RuntimeExit(exit_status=0)),
        ("import os; os.kill(os.getpid(), 15)", RuntimeExit(signal=signal.SIGTERM)),
        ("import os; os.abort()", RuntimeExit(signal=signal.SIGABRT)),
    ],
)
async def test_the_end_of_a_runtime_is_told_as_it_was(
    jail_any_guests: GuestMaker, script: str, end: RuntimeExit
) -> None:
    probe = await jail_any_guests.launch()

    assert (await probe.run(script))[0] == end


async def test_runtimes_follow_each_other_in_one_guest(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()

    ends = [(await probe.run(f"raise SystemExit({status})"))[0].exit_status for status in (1, 2, 3)]

    assert ends == [1, 2, 3]


async def test_stdout_and_stderr_arrive_before_the_end(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()

    _, text = await probe.run("import os; os.write(1, b'out'); os.write(2, b'err'); os.write(1, b'x' * 60000)")

    assert text == "outerr" + "x" * 60000


async def test_drain_hands_out_at_once(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    await probe.start("import os,socket; h,p=os.environ['API'].split(':'); os.write(1, b'said'); socket.create_connection((h,int(p))).recv(1)",
        {"API": probe.guest.api_address})  # fmt: skip
    probe.guest.api_socket.setblocking(True)
    connection, _ = probe.guest.api_socket.accept()  # the loop stands still meanwhile, so nobody has read the pipe

    probe.guest.drain()

    assert bytes(probe.output) == b"said"
    connection.close()


async def test_the_environment_is_exactly_the_command_s(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    env = {"GREETING": "hällo wörld", "EMPTY": "", "LINES": "a\nb=c"}

    names = (await probe.says("import os; print(sorted(set(os.environ) - {'LC_CTYPE', 'TMPDIR'}))", env)).strip()
    value = await probe.says(
        "import os; print(os.environb[b'GREETING'].decode() == 'h\\u00e4llo w\\u00f6rld', repr(os.environ['LINES']))",
        env,
    )

    assert names == "['EMPTY', 'GREETING', 'LINES']"
    assert value == "True 'a\\nb=c'"


async def test_a_large_environment_arrives(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    env = {f"NAME_{number}": "v" * 4000 for number in range(64)}

    assert (
        await probe.says("import os; print(sum(len(v) for k, v in os.environ.items() if k[:5] == 'NAME_'))", env)
        == "256000"
    )


async def test_the_environment_is_in_no_command_line(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    await probe.start("print('ready'); import time; time.sleep(60)", {"SECRET": "swordfish-4711"})
    await probe.wait_for("ready")

    assert b"swordfish-4711" not in command_lines()


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["/nowhere/bootstrap"], "fork/exec /nowhere/bootstrap: no such file or directory"),
        (["/etc"], "fork/exec /etc: permission denied"),
    ],
)
async def test_what_cannot_be_started_says_why(jail_any_guests: GuestMaker, argv: list[str], reason: str) -> None:
    probe = await jail_any_guests.launch()

    await probe.guest.run(RuntimeCommand(argv, {}, "/"))

    assert await probe.guest.exited() == RuntimeExit(could_not_start=reason)
    assert (await probe.run("pass"))[0].exit_status == 0


async def test_a_missing_working_directory_says_so(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()

    await probe.guest.run(RuntimeCommand([PYTHON], {}, "/nowhere"))

    assert (await probe.guest.exited()).could_not_start == "chdir /nowhere: no such file or directory"


async def test_nul_in_a_variable_is_refused_as_a_start(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()

    await probe.guest.run(RuntimeCommand([PYTHON], {"A": "x\0y"}, "/"))

    assert "NUL" in str((await probe.guest.exited()).could_not_start)


async def test_kill_ends_everything_and_the_guest_goes_on(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    family = "import os,time\nfor i in range(5):\n  if os.fork() == 0: os.setsid(); os.fork(); print('child'); time.sleep(600)\n"
    await probe.start(family + "time.sleep(600)")
    await reached(lambda: probe.output.count(b"child") == 10)

    await probe.guest.kill()
    end = await probe.guest.exited()
    left = await probe.says(
        "import os; print(sum(open(f'/proc/{p}/cmdline').read().count('setsid') for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()) if os.getppid() == 1 else 0)"
    )

    assert end == RuntimeExit(signal=signal.SIGKILL)
    assert left == "0"


async def test_kill_of_an_empty_guest_is_nothing(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()

    await probe.guest.kill()

    assert (await probe.run("pass"))[0].exit_status == 0


async def test_tmp_outlives_a_runtime(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    await probe.says("import tempfile; open(tempfile.gettempdir() + '/kept', 'w').write('still here')")
    await probe.guest.kill()

    assert await probe.says("import tempfile; print(open(tempfile.gettempdir() + '/kept').read())") == "still here"


async def test_nothing_is_inherited_but_the_standard_descriptors(jail_any_guests: GuestMaker) -> None:
    leak = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        probe = await jail_any_guests.launch()
        listed = await probe.says("import os; fds = os.listdir('/proc/self/fd'); print(len(fds))")
    finally:
        os.close(leak)

    assert listed == "4"  # 0, 1, 2 and the listing's own


async def test_signals_and_limits_are_a_fresh_process_s(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    script = (
        "import os,resource,signal; print(resource.getrlimit(resource.RLIMIT_NOFILE),"
        " resource.getrlimit(resource.RLIMIT_MEMLOCK), os.getsid(0) == os.getpid(),"
        " signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"
    )

    assert await probe.says(script) == "(1024, 1024) (65536, 65536) True set() True"


async def test_a_guest_that_was_closed_says_so_and_closes_again(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    await probe.start("import time; time.sleep(600)")

    await probe.guest.close()
    await probe.guest.close()
    await probe.guest.kill()

    assert await probe.guest.exited() == RuntimeExit(signal=signal.SIGKILL, guest_ended=True)
    with pytest.raises(SandboxError):
        await probe.start("pass")
    with pytest.raises(OSError, match="descriptor"):
        probe.guest.api_socket.getsockname()


async def test_many_guests_at_once(jail_any_guests: GuestMaker) -> None:
    probes = await asyncio.gather(*(jail_any_guests.launch() for _ in range(10)))

    texts = await asyncio.gather(*(probe.says(f"print({index})") for index, probe in enumerate(probes)))

    assert texts == [str(index) for index in range(10)]


async def test_close_leaves_no_descriptor_behind(jail_any_guests: GuestMaker) -> None:
    async def one() -> None:
        probe = await jail_any_guests.launch()
        await probe.says("pass")
        await probe.guest.close()

    await one()
    gc.collect()
    before = descriptors()
    for _ in range(5):
        await one()

    await reached(lambda: descriptors() <= before)


async def test_a_launch_that_fails_says_why_and_leaves_nothing(jail_any_guests: GuestMaker, tmp_path: Path) -> None:
    before = descriptors()
    spec = GuestSpec("guest", tmp_path, 128, 16, "/nowhere/python3")

    with pytest.raises(SandboxError):
        await jail_any_guests.sandbox.launch(spec, lambda data: None)

    await reached(lambda: descriptors() <= before)


async def test_the_host_reads_an_endless_writer_in_bounded_bites(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    await probe.start("import os\nwhile True: os.write(1, b'x' * 65536)")
    await reached(lambda: len(probe.output) > 1 << 20)
    loop = asyncio.get_running_loop()

    ticks = 0
    end = loop.time() + 0.2
    while loop.time() < end:
        await asyncio.sleep(0)
        ticks += 1
        if len(probe.output) > 1 << 22:
            probe.output.clear()
    await probe.guest.close()

    assert ticks > 10


async def test_memory_in_use_is_seen(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    before = probe.guest.memory_peak_mb()
    await probe.start("x = b'x' * (40 << 20); print('ready'); import time; time.sleep(600)")
    await probe.wait_for("ready")

    assert 40 <= probe.guest.memory_peak_mb() - before <= 60
    assert probe.guest.describe()["memory_limit_mb"] == 128


async def test_a_memory_hog_dies_and_the_guest_lives(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch()
    neighbour = await jail_any_guests.launch()

    end, _ = await probe.run("x = b'x' * (400 << 20); import time; time.sleep(600)")

    assert end == RuntimeExit(signal=signal.SIGKILL, out_of_memory=True)
    assert (await probe.run("pass"))[0] == RuntimeExit(exit_status=0)
    assert (await neighbour.run("pass"))[0] == RuntimeExit(exit_status=0)


async def test_slow_growth_over_the_limit_is_noticed(jail_any_guests: GuestMaker) -> None:
    probe = await jail_any_guests.launch(ephemeral_mb=512)

    end, _ = await probe.run("x = [b'x' * (130 << 20)]; import time; time.sleep(600)")

    assert end == RuntimeExit(signal=signal.SIGKILL, out_of_memory=True)

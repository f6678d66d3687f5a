"""Hostile functions in real jails: what they try, and that it fails."""

from __future__ import annotations

import asyncio
import os
import platform
import pwd
import socket
from pathlib import Path

import pytest

from raylambda.node.sandbox import seccomp
from tests.guest.jail_driver import GuestMaker
from tests.waiting import reached

pytestmark = [pytest.mark.anyio, pytest.mark.jail]

TRY = """
import os, sys
def attempt(name, call):
    try:
        print(name, 'WORKED', repr(call())[:80])
    except Exception as error:
        print(name, 'refused', type(error).__name__, getattr(error, 'errno', None))
"""
SYSCALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def syscall(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return result, ctypes.get_errno()
"""


async def test_the_file_system_holds_nothing_of_the_node(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch({"mine.py": "x"})
    script = "import os; print(sorted(os.listdir('/'))); print(os.listdir('/var'), os.listdir('/var/task'), os.listdir('/opt'))"

    roots, inner = (await probe.says(script)).splitlines()

    assert set(eval(roots)) <= {
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "opt",
        "proc",
        "root",
        "run",
        "sbin",
        "tmp",
        "usr",
        "var",
    }
    assert inner == "['task'] ['mine.py'] []"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/ssh",
        f"{pwd.getpwuid(0).pw_dir}/.ssh",
        "/home",
        "/srv",
        "/sys",
        "/boot",
        "/mnt",
        "/var/lib",
        "/run/user",
    ],
)
async def test_files_of_the_node_are_not_there(jail_guests: GuestMaker, path: str) -> None:
    probe = await jail_guests.launch()

    assert await probe.says(f"import os; print(os.path.lexists({path!r}))") == "False"


async def test_data_of_the_host_and_other_trees_are_not_there(jail_guests: GuestMaker, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    other = await jail_guests.launch({"other.py": "another function"})
    probe = await jail_guests.launch()

    for path in (secret, other.tree, tmp_path):
        assert await probe.says(f"import os; print(os.path.lexists({str(path)!r}))") == "False"


@pytest.mark.parametrize(
    "target",
    ["/var/task/new", "/var/task/mine.py", "/etc/passwd", "/usr/bin/new", "/new", "/dev/new", "/opt/new", "/run/new", "/var/new", "/proc/sys/kernel/hostname"],
)  # fmt: skip
async def test_only_tmp_can_be_written(jail_guests: GuestMaker, target: str) -> None:
    probe = await jail_guests.launch({"mine.py": "x"})

    said = await probe.says(TRY + f"attempt('write', lambda: open({target!r}, 'w').write('x'))")

    assert said.startswith("write refused")


async def test_tmp_takes_its_size_and_not_more(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch(ephemeral_mb=16)
    script = (
        TRY
        + "data = b'x' * (1 << 20)\nwith open('/tmp/big', 'wb', 0) as file:\n  attempt('fill', lambda: [file.write(data) for _ in range(17)])\nprint(os.stat('/tmp/big').st_size >> 20)"
    )

    assert (await probe.says(script)).splitlines() == ["fill refused OSError 28", "16"]


async def test_a_full_tmp_does_not_count_as_memory(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch(memory_mb=128, ephemeral_mb=300)
    script = "data = b'x' * (1 << 20)\nwith open('/tmp/big', 'wb') as file:\n  [file.write(data) for _ in range(290)]\nkept = b'y' * (60 << 20); print('fine')"

    assert await probe.says(script) == "fine"
    assert probe.guest.memory_peak_mb() < 128


async def test_tmp_is_the_guest_s_own(jail_guests: GuestMaker) -> None:
    first, second = await jail_guests.launch(), await jail_guests.launch()
    await first.says("open('/tmp/mine', 'w').write('x')")

    assert await second.says("import os; print(os.listdir('/tmp'))") == "[]"


async def test_other_processes_are_invisible(jail_guests: GuestMaker) -> None:
    other = await jail_guests.launch()
    await other.start("print('ready'); import time; time.sleep(600)", {"SECRET": "swordfish"})
    await other.wait_for("ready")
    probe = await jail_guests.launch()

    pids = await probe.says("import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))")

    assert pids == "[1, 2]"


async def test_the_api_of_another_guest_is_out_of_reach(jail_guests: GuestMaker) -> None:
    other, probe = await jail_guests.launch(), await jail_guests.launch()

    end, _ = await probe.run("import socket; socket.create_connection(('127.0.0.1', 9001)).sendall(b'mine')")

    assert end.exit_status == 0
    with pytest.raises(BlockingIOError):
        other.guest.api_socket.accept()
    probe.guest.api_socket.accept()[0].close()


async def test_sockets_of_the_node_are_unreachable(jail_guests: GuestMaker) -> None:
    name = f"\0raylambda-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as abstract, socket.create_server(("127.0.0.1", 0)) as server:
        abstract.bind(name)
        abstract.listen()
        port = server.getsockname()[1]
        script = (
            TRY + "import socket\n"
            f"attempt('abstract', lambda: socket.socket(socket.AF_UNIX).connect({name!r}))\n"
            f"attempt('tcp', lambda: socket.create_connection(('127.0.0.1', {port}), 2))\n"
            "attempt('out', lambda: socket.create_connection(('192.0.2.1', 80), 2))\n"
        )
        probe = await jail_guests.launch()

        said = (await probe.says(script)).splitlines()

    assert [line.split()[:2] for line in said] == [["abstract", "refused"], ["tcp", "refused"], ["out", "refused"]]


async def test_there_are_no_privileges_to_be_had(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = "import os; print(os.getresuid(), os.getresgid(), os.getgroups()); print(open('/proc/self/status').read())"

    ids, *status = (await probe.says(script)).splitlines()
    facts = dict(line.split(":\t", 1) for line in status if ":\t" in line)

    assert ids.startswith("(993, 993, 993) (990, 990, 990)")
    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"


async def test_process_1_has_no_privileges_either(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()

    status = await probe.says("print(open('/proc/1/status').read())")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert facts["Uid"].split() == ["993"] * 4
    assert facts["CapPrm"] == facts["CapBnd"] == "0" * 16
    assert facts["NoNewPrivs"] == "1"


async def test_it_cannot_become_another_user(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = (
        TRY
        + "attempt('uid', lambda: os.setuid(0))\nattempt('gid', lambda: os.setgid(0))\nattempt('groups', lambda: os.setgroups([0]))"
    )

    assert "WORKED" not in await probe.says(script)


async def test_set_user_id_programs_do_nothing(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = "import os, shutil, subprocess\nsu = shutil.which('su', path='/usr/bin')\nprint(subprocess.run([su, '-c', 'id -u'], capture_output=True, stdin=subprocess.DEVNULL).returncode if su else 1)"

    assert await probe.says(script) != "0"


async def test_denied_system_calls_are_denied(jail_guests: GuestMaker) -> None:
    denied = seccomp.denied_calls(platform.machine())
    probe = await jail_guests.launch()
    script = SYSCALL + f"for name, number in {dict(denied)!r}.items():\n  print(name, *syscall(number, 0, 0, 0, 0, 0))"

    said = [line.split() for line in (await probe.says(script)).splitlines()]

    assert {name for name, *_ in said} == set(denied)
    assert [line for line in said if line[1:] != ["-1", "1"]] == []  # EPERM


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
async def test_namespaces_clone3_and_foreign_calls_are_denied(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    flags = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]
    script = SYSCALL + (
        f"for flag in {flags}:\n  print(*syscall(56, flag | 17, 0, 0, 0, 0)); print(*syscall(272, flag))\n"
        "print(*syscall(272, 0x80)); print(*syscall(435, 0, 88)); print(*syscall(0x40000000 | 39))"
    )

    said = (await probe.says(script)).splitlines()

    assert set(said[: 2 * len(flags) + 1]) == {"-1 1"}  # EPERM
    assert said[-2:] == ["-1 38", "-1 38"]  # ENOSYS


async def test_only_plain_socket_families(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = (
        TRY
        + "import socket\nfor family in (1, 2, 10, 16, 40, 38, 17, 31, 44):\n  attempt(str(family), lambda: socket.socket(family, socket.SOCK_RAW if family in (16, 17) else socket.SOCK_STREAM if family != 38 else socket.SOCK_SEQPACKET))"
    )

    lines = [line.split() for line in (await probe.says(script)).splitlines()]

    worked = {line[0] for line in lines if line[1] == "WORKED"}
    assert worked == {"1", "2", "10", "16"}
    assert {line[3] for line in lines if line[0] not in worked} == {"97"}  # EAFNOSUPPORT


async def test_process_1_cannot_be_killed_from_inside(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = "import os\nfor number in range(1, 65):\n  os.kill(1, number)\nprint('sent')"

    assert await probe.says(script) == "sent"
    assert await probe.says("print('alive')") == "alive"


async def test_process_1_cannot_be_taken_over(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = TRY + (
        "attempt('mem', lambda: open('/proc/1/mem', 'r+b'))\n"
        "attempt('task', lambda: open('/proc/1/task/1/mem', 'r+b'))\n"
        "attempt('umount', lambda: os.listdir('/proc/1/task')[0])\n"
        "attempt('fd', lambda: open('/proc/1/fd/3', 'r+b'))\n"
    )

    assert "WORKED" not in await probe.says(script)


async def test_a_fork_bomb_is_bounded_and_ends_with_a_kill(jail_guests: GuestMaker) -> None:
    probe, neighbour = await jail_guests.launch(memory_mb=10240), await jail_guests.launch()
    script = (
        "import os, time\nmade = 0\ntry:\n  while made < 3000:\n    if os.fork() == 0: time.sleep(600)\n    made += 1\n"
        "except OSError as error:\n  print('stopped at', made, error.errno)\ntime.sleep(600)"
    )
    await probe.start(script)
    await probe.wait_for("stopped at")

    assert await neighbour.says("print('fine')") == "fine"
    await probe.guest.kill()

    made, number = probe.output.decode().split("stopped at ")[1].split()[:2]
    assert 900 <= int(made) <= 1024
    assert number == "11"  # EAGAIN
    assert await probe.says("print('alive')") == "alive"


async def test_threads_count_too(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch(memory_mb=1024)
    script = (
        "import threading\nevent = threading.Event(); threading.stack_size(65536); made = 0\n"
        "try:\n  while made < 3000: threading.Thread(target=event.wait, daemon=True).start(); made += 1\n"
        "except RuntimeError: print(900 <= made <= 1024)\nimport os; os._exit(0)"
    )

    assert await probe.says(script) == "True"


async def test_memory_without_a_file_is_bounded_too(jail_guests: GuestMaker) -> None:
    probe, neighbour = await jail_guests.launch(), await jail_guests.launch()
    script = "import os\nfd = os.memfd_create('hidden')\nchunk = b'x' * (1 << 20)\nfor _ in range(2000): os.write(fd, chunk)\nprint('unbounded')"

    end, text = await probe.run(script)

    assert "unbounded" not in text or os.geteuid() != 0  # without cgroups only the watched part is bounded
    assert end.exit_status != 0 or os.geteuid() != 0
    assert await neighbour.says("print('fine')") == "fine"


async def test_shared_memory_is_bounded(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = (
        TRY
        + "data = b'x' * (1 << 20)\nwith open('/dev/shm/big', 'wb', 0) as file:\n  attempt('fill', lambda: [file.write(data) for _ in range(100)])"
    )

    assert await probe.says(script) == "fill refused OSError 28"


async def test_host_name_user_and_network_files_are_the_jail_s(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = "import os, pwd, socket; print(socket.gethostname(), socket.gethostbyname(socket.gethostname()), pwd.getpwuid(os.getuid()).pw_name, len(open('/etc/passwd').readlines()))"

    assert await probe.says(script) == "localhost 127.0.0.1 sbx_user1051 2"


async def test_what_functions_commonly_use_works(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch(memory_mb=256)
    script = (
        "import multiprocessing, os, ssl, subprocess, tempfile, threading, time\n"
        "q = multiprocessing.get_context('fork').Queue(); q.put(1); assert q.get() == 1\n"
        "assert subprocess.check_output(['/bin/sh', '-c', 'echo hi']) == b'hi\\n'\n"
        "assert len(ssl.create_default_context().get_ca_certs()) > 10\n"
        "assert time.strftime('%Z') == 'UTC' and os.cpu_count() > 0\n"
        "tempfile.NamedTemporaryFile(); open('/dev/null', 'w'); open('/dev/urandom', 'rb').read(8)\n"
        "print('all')"
    )

    assert await probe.says(script, {"PATH": "/usr/bin:/bin"}) == "all"


async def test_guests_cannot_hide_from_kill(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    script = (
        "import os, signal, time\nfor number in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(number, signal.SIG_IGN)\n"
        "if os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\nopen('/tmp/up', 'w'); print('hidden', flush=True)\ntime.sleep(600)"
    )
    await probe.start(script)
    await reached(lambda: b"hidden" in probe.output)

    await probe.guest.kill()

    assert await probe.says("import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))") in {
        "[1, 3]",
        "[1, 4]",
        "[1, 5]",
    }


async def test_endless_children_do_not_outrun_kill(jail_guests: GuestMaker) -> None:
    probe = await jail_guests.launch()
    await probe.start("import os\nprint('go', flush=True)\nwhile True:\n  try:\n    os.fork()\n  except OSError: pass")
    await probe.wait_for("go")

    await asyncio.wait_for(probe.guest.kill(), 30)

    assert await probe.says("print('alive')") == "alive"

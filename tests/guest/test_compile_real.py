"""Compiling packages in real jails: what functions see of it, and compilers that are hostile, greedy, slow or killed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from raylambda.node.host import Host
from raylambda.node.runtimes.interpreters import base_interpreter
from raylambda.node.runtimes.plan import Compilation, PlanRequest, RuntimePlan, View
from raylambda.node.runtimes.python import plan as python_plan
from raylambda.node.sandbox.contract import Sandbox
from raylambda.node.sandbox.process_isolation import ProcessSandbox
from raylambda.node.trees.code_trees import CodeTrees, Hold
from raylambda.node.trees.collection import collect
from raylambda.node.trees.compilation import Compiler, CompilerSettings
from tests.builders import a_version, a_zip
from tests.guest.jail_driver import PYTHON
from tests.guest.real_host import a_function, settings_in
from tests.waiting import reached

pytestmark = [pytest.mark.anyio, pytest.mark.jail]

PAD = "# " + "x" * 5000 + "\n"
OWN = base_interpreter()
assert OWN.byte_code is not None
PYC = f"__pycache__/lib.{OWN.byte_code.tag}.pyc"
MAGIC = OWN.byte_code.magic
HANDLER = """
import lib, json, os, sys, traceback

def handler(event, context):
    try:
        lib.fails()
    except ValueError:
        trace = traceback.format_exc()
    try:
        open(lib.__cached__, "ab")
    except OSError as error:
        refused = error.strerror
    hidden = [name for name in os.environ if "PYC" in name or "BYTECODE" in name]
    return {"file": lib.fails.__code__.co_filename, "cached": os.path.exists(lib.__cached__), "trace": trace,
            "refused": refused, "variables": hidden, "flags": sys.flags.dont_write_bytecode}
"""
FILES = {"app.py": HANDLER, "lib.py": PAD + "def fails():\n    raise ValueError('no')\n"}


def a_plan(code: Path, view: View, argv: tuple[str, ...] | None = None) -> RuntimePlan:
    """The plan of our own Python; ``argv`` is another compiler."""
    request = PlanRequest(a_version(), code, view, OWN, None, Path("/nonexistent"))
    made = python_plan(request)
    assert made.compilation is not None
    if argv is None:
        return made
    return replace(made, compilation=Compilation(made.compilation.byte_code, argv))


class Works:
    """Trees and a compiler in real jails, and packages to compile."""

    def __init__(self, sandbox: Sandbox, root: Path, limit_s: float = 60.0) -> None:
        self.trees = CodeTrees(root)
        self._view = View.PLAIN if isinstance(sandbox, ProcessSandbox) else View.JAIL
        self.compiler = Compiler(sandbox, self.trees, CompilerSettings(limit_s, look_s=0.02))

    async def compile(self, files: Mapping[str, str | bytes], script: str | None = None, memory_mb: int = 256) -> Path:
        """Compile a package (with ``script`` as the compiler); returns where the result is, if there is one."""
        hold, tree = await self.begin(files, script, memory_mb)
        await reached(lambda: not self.compiler._jobs)
        hold.release()
        return tree

    async def begin(
        self, files: Mapping[str, str | bytes], script: str | None = None, memory_mb: int = 256
    ) -> tuple[Hold, Path]:
        """The same without waiting; the tree is held."""
        package = a_zip(files)

        async def fetch() -> bytes:
            return package

        hold = await self.trees.hold(hashlib.sha256(package).hexdigest(), fetch)
        argv = None if script is None else (PYTHON, "-I", "-S", "-c", FRAMES + script)
        plan = a_plan(hold.code, self._view, argv)
        self.compiler.begin(hold, a_version(memory_mb=memory_mb), plan)
        assert plan.compilation is not None
        return hold, hold.compiled(plan.compilation.byte_code.name)


FRAMES = """
import os, sys, importlib.util
HEAD = importlib.util.MAGIC_NUMBER + b"\\1\\0\\0\\0" + bytes(8)
def send(path, content):
    data = len(path).to_bytes(4, "big") + len(content).to_bytes(4, "big") + path + content
    while data:
        data = data[os.write(1, data):]
"""


@pytest.fixture
async def works(jail_any_sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Works]:
    works = Works(jail_any_sandbox, tmp_path / "trees")
    yield works
    await works.compiler.close()
    await works.trees.close()


def written(tree: Path) -> set[str]:
    return {str(path.relative_to(tree)) for path in tree.rglob("*.pyc")}


def escaped(folder: Path) -> list[Path]:
    return list(folder.rglob("escaped*"))


def reason(tree: Path) -> str:
    return tree.with_name(f"{tree.name}.failed").read_text().strip()


async def test_a_function_finds_its_byte_code_and_cannot_tell_otherwise(tmp_path: Path) -> None:
    host = Host(settings_in(tmp_path))
    await host.open()
    first = await a_function(host, FILES)
    before = json.loads((await first.invoke()).payload)
    await reached(lambda: not host._compiler._jobs)

    second = await a_function(host, FILES)
    after = json.loads((await second.invoke()).payload)
    await host.close()

    assert (before["cached"], after["cached"]) == (False, True)
    assert after == {**before, "cached": True, "refused": "Permission denied"}
    assert after["file"] == "/var/task/lib.py"
    assert 'File "/var/task/lib.py", line 3' in after["trace"]


async def test_functions_run_on_when_their_tree_was_collected_between(tmp_path: Path) -> None:
    host = Host(settings_in(tmp_path))
    await host.open()
    code_dir = settings_in(tmp_path).code_dir
    collecting, starts = asyncio.Event(), 12

    async def collect_always() -> int:
        gone = 0
        while not collecting.is_set():
            gone += len(await asyncio.to_thread(collect, code_dir, 0))
        return gone

    collector = asyncio.create_task(collect_always())
    for _ in range(starts):
        function = await a_function(host, FILES)
        result = await function.invoke()
        assert result.function_error is None
        await host.stop(function.environment_id)
        await reached(lambda: not host._compiler._jobs)
        await reached(lambda: not any(code_dir.glob("*/code")))
    collecting.set()

    assert await collector >= starts
    await host.close()


async def test_files_that_do_not_compile_are_left_out(works: Works) -> None:
    files: dict[str, str | bytes] = {
        "lib.py": PAD,
        "bad.py": "def f(:\n",
        "nul.py": b"x = '\0'",
        "deep.py": "(" * 3000,
        "warns.py": "'\\d' is 1",
    }

    tree = await works.compile(files)

    assert {name.split("/")[-1].split(".")[0] for name in written(tree)} == {"lib", "warns"}


async def test_a_name_that_is_not_ascii_has_byte_code(works: Works) -> None:
    tree = await works.compile({"lib.py": PAD, "ü/é.py": "x = 1"})

    assert len(written(tree)) == 2


HOSTILE = {
    "names outside": "send(b'../../escaped.py', HEAD); send(b'/tmp/escaped.py', HEAD); send(b'lib.py', HEAD); send(b'', b'')",
    "thousands of files": "[send(b'n%d.py' % n, HEAD) for n in range(20000)]; send(b'lib.py', HEAD); send(b'', b'')",
    "one file often": "[send(b'lib.py', HEAD + b'%d' % n) for n in range(3000)]; send(b'', b'')",
    "a file of its own": "send(b'lib.py', HEAD); send(b'app.py', HEAD); send(b'', b'')",
}


@pytest.mark.parametrize("attack", HOSTILE)
async def test_only_what_is_wanted_is_taken(works: Works, tmp_path: Path, attack: str) -> None:
    tree = await works.compile({"lib.py": PAD}, HOSTILE[attack])

    assert {str(path.relative_to(tree)) for path in tree.rglob("*")} == {"lib.py", "__pycache__", PYC}
    assert (tree / PYC).read_bytes()[:4] == MAGIC
    assert escaped(tmp_path) == []


GARBAGE = {
    "noise": ("os.write(1, os.urandom(1 << 20))", "it sent what is no byte code"),
    "a file that has no end": (
        "send(b'lib.py', b'x'); os.write(1, bytes(1 << 20))",
        "it sent byte code of another Python",
    ),
    "nothing": ("", "the compiler ended with status 0"),
    "a crash": ("import ctypes; ctypes.string_at(0)", f"the compiler was killed by signal {signal.SIGSEGV.value}"),
    "its own end": ("os.kill(os.getpid(), 9)", "the compiler was killed by signal 9"),
}


@pytest.mark.parametrize("attack", GARBAGE)
async def test_what_is_no_byte_code_leaves_nothing(works: Works, attack: str) -> None:
    script, why = GARBAGE[attack]

    tree = await works.compile({"lib.py": PAD}, script)

    assert reason(tree) == why
    assert sorted(path.name for path in tree.parent.iterdir()) == ["boot", "bytes", "code", f"{tree.name}.failed"]


async def test_a_jailed_compiler_has_nothing_to_write_to(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    works = Works(jail_sandbox, tmp_path)
    attack = """
refused = 0
for make in (lambda: os.symlink("/etc/passwd", "/var/task/lib.pyc"), lambda: os.mkfifo("/var/task/fifo"),
             lambda: open("/var/task/lib.py", "ab"), lambda: os.mkdir("/var/task/__pycache__"), lambda: open("/huge", "wb")):
    try:
        make()
    except OSError:
        refused += 1
if refused == 5:
    send(b"lib.py", HEAD); send(b"", b"")
"""

    tree = await works.compile({"lib.py": PAD}, attack)

    assert written(tree) == {PYC}


async def test_a_compiler_that_is_too_slow_is_ended(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    works = Works(jail_sandbox, tmp_path, limit_s=0.5)

    tree = await works.compile({"lib.py": PAD}, "import time; time.sleep(60)")

    assert reason(tree).startswith("the compiler took more than")


async def test_a_file_that_eats_memory_costs_itself_only(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    works = Works(jail_sandbox, tmp_path)
    hoard = "x = [" + ", ".join(f"{number}.5" for number in range(600_000)) + "]\n"

    tree = await works.compile({"lib.py": PAD, "hoard.py": hoard}, memory_mb=128)

    assert written(tree) == {PYC}


async def test_a_compiler_that_is_killed_from_outside_keeps_no_function_from_running(tmp_path: Path) -> None:
    many = {f"m{number}.py": "x = [i for i in range(9)]\n" * 4000 for number in range(40)}
    host = Host(settings_in(tmp_path))
    await host.open()
    files = {**FILES, **many}
    first = await a_function(host, files)
    pid = int(await reached(_compiler_pid))
    os.kill(pid, signal.SIGKILL)
    await reached(lambda: not host._compiler._jobs)

    second = await a_function(host, files)

    assert (await first.invoke()).function_error is None
    assert (await second.invoke()).function_error is None
    await host.close()


def _compiler_pid() -> str:
    """The compiler's process, as the node numbers it; empty until there is one."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if any(part.endswith(b"python_compiler.py") for part in command) and _is_ours(entry):
                return entry.name
        except OSError:
            continue
    return ""


def _is_ours(process: Path) -> bool:
    """Whether it descends from this test."""
    while process.name not in {"0", "1"}:
        if int(process.name) == os.getpid():
            return True
        process = process.with_name((process / "stat").read_text().rpartition(")")[2].split()[1])
    return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One of 256 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk takes root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_leaves_the_package_as_it_was(jail_sandbox: Sandbox, small_disk: Path) -> None:
    works = Works(jail_sandbox, small_disk)

    tree = await works.compile({"lib.py": PAD}, "send(b'lib.py', HEAD + bytes(1 << 20)); send(b'', b'')")

    assert sorted(path.name for path in tree.parent.iterdir()) == ["boot", "bytes", "code"]
    assert (tree.with_name("code") / "lib.py").read_text() == PAD


async def test_the_compiler_gives_way_to_everything_else(jail_sandbox: Sandbox, tmp_path: Path) -> None:
    works = Works(jail_sandbox, tmp_path)
    many = {f"m{number}.py": "x = [i for i in range(9)]\n" * 4000 for number in range(20)}

    hold, _ = await works.begin({"lib.py": PAD, **many})
    pid = await reached(_compiler_pid)
    nice = await reached(lambda: _nice(pid) == 19)

    assert nice
    await works.compiler.close()
    hold.release()


def _nice(pid: str) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])

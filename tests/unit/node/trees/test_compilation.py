"""Compiling a package's Python with a compiler that is a script: what comes of it, and of every way in which it fails."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import importlib.util
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from raylambda.node.runtimes.interpreters import base_interpreter
from raylambda.node.runtimes.plan import Compilation, RuntimePlan
from raylambda.node.sandbox.contract import Mount
from raylambda.node.trees import compiled_tree
from raylambda.node.trees.code_trees import CodeTrees, Hold
from raylambda.node.trees.collection import collect
from raylambda.node.trees.compilation import Compiler, CompilerSettings
from raylambda.node.trees.files import disk_bytes
from raylambda.testing.sandbox import FakeRuntime, FakeSandbox, Script, Step, exits, hangs
from tests.builders import a_version, a_zip
from tests.waiting import reached

pytestmark = pytest.mark.anyio

BYTE_CODE = base_interpreter().byte_code
assert BYTE_CODE is not None
PLAN = RuntimePlan((Mount(Path("/python"), "/python"),), "/python/bin/python", ("run",), True, {})
PYTHON_PLAN = RuntimePlan(
    PLAN.mounts, PLAN.init_interpreter, PLAN.argv, True, {}, compilation=Compilation(BYTE_CODE, ("compile",))
)
PACKAGE = a_zip({"big.py": "x = 1\n" * 1000, "p/b.py": "y = 2\n", "data.txt": "d"})
SHA256 = hashlib.sha256(PACKAGE).hexdigest()
HEAD = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + bytes(8)
BIG, INNER = f"__pycache__/big.{BYTE_CODE.tag}.pyc", f"p/__pycache__/b.{BYTE_CODE.tag}.pyc"


def sends(path: str, content: bytes = HEAD) -> Step:
    async def step(runtime: FakeRuntime) -> None:
        name = os.fsencode(path)
        runtime.write(len(name).to_bytes(4, "big") + len(content).to_bytes(4, "big") + name + content)

    return step


ALL: Script = (sends("p/b.py"), sends("big.py", HEAD + b"big"), sends("", b""))
FAST = CompilerSettings(limit_s=20, look_s=0.01)


class Node:
    """A host's trees and compiler, and one package that is held."""

    def __init__(self, root: Path, script: Script = ALL, settings: CompilerSettings = FAST) -> None:
        self.trees = CodeTrees(root)
        self.sandbox = FakeSandbox(script)
        self.compiler = Compiler(self.sandbox, self.trees, settings)

    async def hold(self, package: bytes = PACKAGE) -> Hold:
        async def fetch() -> bytes:
            return package

        return await self.trees.hold(hashlib.sha256(package).hexdigest(), fetch)

    async def compile(self, package: bytes = PACKAGE) -> Path:
        """Compile, wait for the end of it, and return where the result is if there is one."""
        hold = await self.hold(package)
        self.compiler.begin(hold, a_version(memory_mb=300), PYTHON_PLAN)
        await self.settled()
        hold.release()
        return hold.compiled(BYTE_CODE.name)

    async def settled(self) -> None:
        await reached(lambda: not self.compiler._jobs)

    async def close(self) -> None:
        await self.compiler.close()
        await self.sandbox.close()
        await self.trees.close()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path)
    yield node
    await node.close()


def content(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


async def test_the_compiled_tree_is_the_package_and_byte_code(node: Node) -> None:
    tree = await node.compile()

    code = tree.with_name("code")
    assert content(tree) == {**content(code), BIG: HEAD + b"big", INNER: HEAD}
    assert (tree / "big.py").stat().st_ino == (code / "big.py").stat().st_ino
    assert not list(code.rglob("__pycache__"))
    assert {path.stat().st_mode & 0o777 for path in (tree, tree / "p", tree / "p/__pycache__")} == {0o555}
    assert (tree / BIG).stat().st_mode & 0o777 == 0o444


async def test_the_compiler_has_the_functions_limits_and_no_network(node: Node) -> None:
    await node.compile()

    [guest] = node.sandbox.guests
    assert (guest.spec.memory_mb, guest.spec.network, guest.spec.mounts) == (300, False, PLAN.mounts)
    assert (guest.runtimes[0].command.argv, guest.runtimes[0].command.env) == (("compile",), {})
    assert guest.closed


async def test_a_tree_is_compiled_once_on_a_node(tmp_path: Path) -> None:
    nodes = [Node(tmp_path), Node(tmp_path)]

    await asyncio.gather(*(node.compile() for node in nodes))
    await nodes[0].compile()

    assert sum(len(node.sandbox.guests) for node in nodes) == 1


async def test_one_compiles_at_a_time_on_a_node(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def waits(_: FakeRuntime) -> None:
        await go.wait()

    first, second = Node(tmp_path, (waits, *ALL)), Node(tmp_path)
    other = a_zip({"big.py": "z = 1\n" * 1000})
    one = asyncio.create_task(first.compile())
    await reached(lambda: first.sandbox.guests)
    two = asyncio.create_task(second.compile(other))
    await reached(lambda: second.compiler._jobs)
    await asyncio.sleep(5 * FAST.look_s)

    assert second.sandbox.guests == []
    go.set()
    assert (await one).is_dir()
    assert (await two).is_dir()


async def test_a_package_keeps_the_byte_code_that_it_brings(node: Node) -> None:
    tree = await node.compile(a_zip({"big.py": "x = 1\n" * 1000, "a.py": "a = 1\n" * 1000, BIG: HEAD + b"own"}))

    assert (tree / BIG).read_bytes() == HEAD + b"own"
    assert (tree / BIG).stat().st_ino == (tree.with_name("code") / BIG).stat().st_ino


async def test_byte_code_that_python_would_not_look_at_is_made_anew_beside_the_package(node: Node) -> None:
    stale = importlib.util.MAGIC_NUMBER + bytes(12) + b"stale"

    tree = await node.compile(a_zip({"big.py": "x = 1\n" * 1000, BIG: stale}))

    assert (tree / BIG).read_bytes() == HEAD + b"big"
    assert (tree.with_name("code") / BIG).read_bytes() == stale


async def test_links_stay_links(node: Node) -> None:
    await node.hold()
    code = node.trees.root / SHA256 / "code"
    code.chmod(0o755)
    (code / "inside").symlink_to("p")

    tree = await node.compile()

    assert (tree / "inside").readlink() == Path("p")


async def test_what_is_not_worth_a_jail_is_looked_at_once(node: Node) -> None:
    little = a_zip({"app.py": "def handler(event, context): return event\n"})

    tree = await node.compile(little)

    assert not tree.exists()
    assert tree.with_name(f"{tree.name}.failed").read_text() == "it has little Python\n"
    hold = await node.hold(little)
    node.compiler.begin(hold, a_version(), PYTHON_PLAN)
    assert (node.compiler._jobs, node.sandbox.guests) == ({}, [])


async def test_a_language_without_byte_code_is_left_alone(node: Node) -> None:
    node.compiler.begin(await node.hold(), a_version(), PLAN)

    assert node.compiler._jobs == {}


FAILURES = {
    "killed": ([exits(killed_by=9)], "the compiler was killed by signal 9"),
    "out of memory": ([exits(killed_by=9, out_of_memory=True)], "the compiler ran out of the function's memory"),
    "an error": ([exits(1)], "the compiler ended with status 1"),
    "an early end": ([exits(0)], "the compiler ended with status 0"),
    "no byte code": (
        [sends("big.py", b"#!/bin/sh" * 9), sends("", b""), exits(0)],
        "it sent byte code of another Python",
    ),
    "an endless name": ([sends("x" * 5000), exits(0)], "it sent what is no byte code"),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_is_said_in_a_line_and_not_repeated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failure: str
) -> None:
    script, reason = FAILURES[failure]
    node = Node(tmp_path, script)

    tree = await node.compile()
    await node.compile()
    other_host = Node(tmp_path)
    await other_host.compile()

    assert [record.getMessage() for record in caplog.records] == [f"package {SHA256} has no byte code: {reason}"]
    assert (len(node.sandbox.guests), len(other_host.sandbox.guests)) == (1, 0)
    assert sorted(path.name for path in tree.parent.iterdir()) == ["boot", "bytes", "code", f"{tree.name}.failed"]


async def test_over_time_it_is_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    node = Node(tmp_path, [hangs], CompilerSettings(limit_s=0.01, look_s=0.01))

    tree = await node.compile()

    assert not tree.exists()
    assert node.sandbox.guests[0].closed
    assert "took more than" in caplog.text


async def test_what_came_before_the_end_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    node = Node(tmp_path, [sends("p/b.py"), exits(killed_by=9, out_of_memory=True)])

    tree = await node.compile()
    await node.compile()

    assert set(content(tree)) == {"big.py", "p/b.py", "data.txt", INNER}
    assert len(node.sandbox.guests) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"package {SHA256} has byte code of 1 of 2 files: the compiler ran out of the function's memory"
    ]


async def test_nothing_is_kept_of_one_that_sends_what_it_should_not(tmp_path: Path) -> None:
    node = Node(tmp_path, [sends("p/b.py"), sends("big.py", b"\0" * 99), exits(0)])

    assert not (await node.compile()).exists()


async def test_a_full_disk_leaves_nothing_and_is_tried_by_the_next_host(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    node, next_host = Node(tmp_path), Node(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(compiled_tree, "_write", full)
        tree = await node.compile()
        await node.compile()

    assert caplog.messages == [f"package {SHA256} has no byte code: No space left on device"]
    assert sorted(path.name for path in tree.parent.iterdir()) == ["boot", "bytes", "code"]
    assert (await next_host.compile()).is_dir()


async def test_a_jail_that_cannot_be_made_is_no_fault_of_the_package(tmp_path: Path) -> None:
    node, next_host = Node(tmp_path), Node(tmp_path)
    node.sandbox.refuse = "no more processes"

    assert not (await node.compile()).exists()
    assert (await next_host.compile()).is_dir()


async def test_a_tree_stays_while_it_is_compiled_and_its_size_is_counted(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def waits(_: FakeRuntime) -> None:
        await go.wait()

    node = Node(tmp_path, (waits, *ALL))
    compiling = asyncio.create_task(node.compile())
    await reached(lambda: node.sandbox.guests)

    assert collect(tmp_path, 0) == []
    go.set()
    tree = await compiling

    assert int((tree.parent / "bytes").read_text()) == disk_bytes(tree.parent)
    assert collect(tmp_path, 0) == [SHA256]


async def test_a_host_that_closes_ends_its_compiler_and_leaves_no_part(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = Node(tmp_path, [sends("p/b.py"), hangs])
    hold = await node.hold()
    node.compiler.begin(hold, a_version(), PYTHON_PLAN)
    await reached(lambda: node.sandbox.guests)

    await node.close()

    assert node.sandbox.guests[0].closed
    assert sorted(path.name for path in hold.code.parent.iterdir()) == ["boot", "bytes", "code"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_what_a_killed_host_left_is_made_anew(node: Node) -> None:
    hold = await node.hold()
    part = hold.compiled(f"{BYTE_CODE.name}.part")
    (part / "p").mkdir(parents=True)
    (part / "p/half").write_text("h")
    (part / "p").chmod(0o555)

    tree = await node.compile()

    assert set(content(tree)) == {"big.py", "p/b.py", "data.txt", BIG, INNER}
    assert not part.exists()

"""Byte code for the packages of a node: made in the background, one package at a time, in a jail with the function's limits.

A compiler runs what the function's author wrote only as far as Python's parser does, and yet it is in a jail that has nothing to
write to: what it makes comes over its stdout and is checked here. One that is killed, or too slow, or too large, gives what it has
sent by then; one that sends nothing usable is remembered, so that it is not tried for ever. The function runs all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from raylambda.model.function import FunctionVersion
from raylambda.node.runtimes.plan import Compilation, RuntimePlan
from raylambda.node.runtimes.python_bytecode import BadByteCode, wanted
from raylambda.node.sandbox.contract import Guest, GuestSpec, RuntimeCommand, RuntimeExit, Sandbox, SandboxError
from raylambda.node.trees.code_trees import CodeTrees, Hold
from raylambda.node.trees.compiled_tree import CompiledTree
from raylambda.node.trees.files import ALONE, AT_ONCE, lock

_LOG: Final = logging.getLogger(__name__)
_LEAST_BYTES: Final = 4096
"""Python that is compiled in 4 ms is not worth a jail."""
_SCRATCH_MB: Final = 16
_MOST_WAITING: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class CompilerSettings:
    """``limit_s`` is for one package; ``look_s``: how often we look what has come, and whether it is our turn."""

    limit_s: float = 300.0
    look_s: float = 0.1


class _NotCompiled(Exception):
    """The text says why, for people."""


@dataclass(frozen=True, slots=True)
class _Job:
    hold: Hold
    spec: GuestSpec
    compilation: Compilation

    @property
    def target(self) -> Path:
        return self.hold.compiled(self.compilation.byte_code.name)

    @property
    def failed(self) -> Path:
        return self.target.with_name(f"{self.target.name}.failed")


class Compiler:
    """Compiles what it is told of, later; all methods are called from one event loop."""

    def __init__(self, sandbox: Sandbox, trees: CodeTrees, settings: CompilerSettings | None = None) -> None:
        self._sandbox = sandbox
        self._trees = trees
        self._settings = settings or CompilerSettings()
        self._jobs: dict[Path, asyncio.Task[None]] = {}
        self._settled: set[Path] = set()
        self._closing = False

    def begin(self, hold: Hold, version: FunctionVersion, plan: RuntimePlan) -> None:
        """Compile this tree for the Python of this plan, unless that was done or tried; returns at once."""
        if plan.compilation is None or self._closing:
            return
        spec = GuestSpec(
            environment_id=f"compile-{hold.sha256[:16]}",
            code_tree=hold.code,
            memory_mb=version.memory_mb,
            ephemeral_mb=_SCRATCH_MB,
            init_interpreter=plan.init_interpreter,
            mounts=plan.mounts,
            network=False,
        )
        job = _Job(hold, spec, plan.compilation)
        if job.target in self._jobs or job.target.exists() or job.failed.exists() or job.target in self._settled:
            return
        self._jobs[job.target] = asyncio.create_task(self._run(replace(job, hold=hold.share())))

    async def close(self) -> None:
        """End what runs; it begins anew after the next start somewhere."""
        self._closing = True
        if self._jobs:
            await asyncio.wait(list(self._jobs.values()))

    async def _run(self, job: _Job) -> None:
        try:
            todo = await asyncio.to_thread(wanted, job.hold.code, job.compilation.byte_code)
            if todo.source_bytes < _LEAST_BYTES:
                job.failed.write_text("it has little Python\n")
                return
            async with self._turn():
                if self._closing or job.target.exists() or job.failed.exists():
                    return
                tree = CompiledTree(job.hold.code, job.target, todo, job.compilation.byte_code)
                await self._compile(job, tree, len(todo.files))
            await self._trees.grown(job.hold.sha256)
        except (_NotCompiled, BadByteCode, SandboxError, OSError) as error:
            self._remember(job, error)
        finally:
            del self._jobs[job.target]
            job.hold.release()

    async def _compile(self, job: _Job, tree: CompiledTree, most: int) -> None:
        """Raises whatever says why there is no byte code, and then leaves none."""
        try:
            await asyncio.to_thread(tree.begin)
            problem = await self._receive(job, tree)
            if problem and (self._closing or not tree.files):
                raise _NotCompiled(problem)
            await asyncio.to_thread(tree.finish)
        finally:
            await asyncio.to_thread(tree.discard)
        if problem:
            _LOG.warning("package %s has byte code of %d of %d files: %s", job.hold.sha256, tree.files, most, problem)

    async def _receive(self, job: _Job, tree: CompiledTree) -> str | None:
        """Run the compiler and keep what it sends; returns what kept it from its end."""
        received: list[bytes] = []
        guest = await self._sandbox.launch(job.spec, received.append)
        try:
            await guest.run(RuntimeCommand(job.compilation.argv, {}, "/"))
            return await self._receive_from(guest, received, tree)
        finally:
            await guest.close()

    async def _receive_from(self, guest: Guest, received: list[bytes], tree: CompiledTree) -> str | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.limit_s
        exited = asyncio.ensure_future(guest.exited())
        try:
            while True:
                await asyncio.wait([exited], timeout=self._settings.look_s)
                over = exited.done()
                data = b"".join(received)
                received.clear()
                if len(data) > _MOST_WAITING:
                    raise _NotCompiled("the disk is too slow for what the compiler sends")
                await asyncio.to_thread(tree.take, data)
                if over:
                    return None if tree.complete else _reason(exited.result())
                if self._closing or loop.time() > deadline:
                    return f"the compiler took more than {self._settings.limit_s:.0f} s"
        finally:
            exited.cancel()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One compiler at a time on this node; a host that closes gets its turn to see that it does."""
        held = -1
        while held < 0 and not self._closing:
            try:
                held = lock(self._trees.root / "compiling.lock", ALONE | AT_ONCE)
            except BlockingIOError:
                await asyncio.sleep(self._settings.look_s)
        try:
            yield
        finally:
            if held >= 0:
                os.close(held)

    def _remember(self, job: _Job, error: Exception) -> None:
        """So that it is not tried for ever: what the node lacks for as long as this host lives, and else as long as the tree."""
        if self._closing:
            return
        self._settled.add(job.target)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _LOG.warning("package %s has no byte code: %s", job.hold.sha256, reason)
        if isinstance(error, _NotCompiled | BadByteCode):
            with contextlib.suppress(OSError):  # then this host alone knows
                job.failed.write_text(f"{reason}\n")


def _reason(end: RuntimeExit) -> str:
    if end.out_of_memory:
        return "the compiler ran out of the function's memory"
    if end.signal is not None:
        return f"the compiler was killed by signal {end.signal}"
    return end.could_not_start or f"the compiler ended with status {end.exit_status}"

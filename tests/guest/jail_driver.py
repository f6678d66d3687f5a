"""Runs scripts as guests: what a hostile function does is a Python text here."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from raylambda.node.sandbox.contract import Guest, GuestSpec, Mount, RuntimeCommand, RuntimeExit, Sandbox
from raylambda.node.sandbox.guest import ConfinedGuest
from tests.waiting import reached

PYTHON = str(Path(sys.executable).resolve())
PREFIX = Path(sys.base_prefix).resolve()


@dataclass
class Probe:
    """One guest and what it has written."""

    guest: Guest
    tree: Path
    output: bytearray = field(default_factory=bytearray)
    cwd: str = "/"

    @property
    def init_pid(self) -> int:
        """The guest's process 1, as the node numbers it."""
        assert isinstance(self.guest, ConfinedGuest)
        assert self.guest.init_pid is not None
        return self.guest.init_pid

    async def start(self, script: str, env: Mapping[str, str] | None = None) -> None:
        """Run ``script`` in the guest, as a program of its own."""
        await self.guest.run(RuntimeCommand([PYTHON, "-I", "-u", "-c", script], dict(env or {}), self.cwd))

    async def run(self, script: str, env: Mapping[str, str] | None = None) -> tuple[RuntimeExit, str]:
        """Run ``script`` to its end."""
        self.output.clear()
        await self.start(script, env)
        return await self.guest.exited(), self.output.decode(errors="replace")

    async def says(self, script: str, env: Mapping[str, str] | None = None) -> str:
        """What ``script`` prints; it must end well."""
        end, text = await self.run(script, env)
        assert end.exit_status == 0, (end, text)
        return text.strip()

    async def wait_for(self, text: str) -> None:
        """Wait until the script has written ``text``; it must not end before."""
        end = asyncio.ensure_future(self.guest.exited())
        try:
            await reached(lambda: text.encode() in self.output or end.done())
            assert text.encode() in self.output, (end.result(), bytes(self.output))
        finally:
            end.cancel()


class GuestMaker:
    """Launches guests with trees of their own below ``folder``."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self._folder = folder
        self._numbers = count(1)

    async def launch(self, files: Mapping[str, str] | None = None, **options: int | bool) -> Probe:
        number = next(self._numbers)
        tree = self._folder / f"tree-{number}"
        tree.mkdir(mode=0o755)
        for name, text in (files or {}).items():
            (tree / name).write_text(text)
        output = bytearray()
        sizes = {"memory_mb": 128, "ephemeral_mb": 16, **options}
        mounts = (Mount(PREFIX, str(PREFIX)),)
        spec = GuestSpec(f"guest-{number}", tree, init_interpreter=PYTHON, mounts=mounts, **sizes)  # type: ignore[arg-type]
        return Probe(await self.sandbox.launch(spec, output.extend), tree, output)

"""A stage on which a scripted environment plays."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from raylambda.model.environment import EnvironmentStarted
from raylambda.model.invocation import InvocationResult
from raylambda.node.environment.environment import Environment, Job
from raylambda.node.environment.logging.journal import Journal
from raylambda.node.environment.logging.log_buffer import LogBuffer
from raylambda.node.sandbox.contract import GuestSpec, RuntimeCommand
from raylambda.testing.clock import ManualClock
from raylambda.testing.sandbox import FakeGuest, FakeRuntime, FakeSandbox, Script
from raylambda.testing.timers import ManualTimers
from tests.builders import a_version, an_invocation
from tests.waiting import reached


class Stage:
    """Makes one environment and keeps what belongs to it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.log = LogBuffer(self.clock, lambda: None)
        self.gone: list[str] = []
        self.environment: Environment | None = None
        self.guest: FakeGuest | None = None
        self._pending: set[asyncio.Task[Any]] = set()

    async def play(self, *scripts: Script, **version: Any) -> Environment:
        """An environment whose runtime processes play these scripts; INIT has not begun."""
        spec = GuestSpec("env-1", Path("/nonexistent"), 128, 512, "python")
        self.guest = await FakeSandbox(*scripts).launch(spec, self.log.write_output)
        function = a_version(**version)
        job = Job("env-1", function, RuntimeCommand(["runtime"], {}))
        journal = Journal(function, "env-1", self.log, self.clock)
        self.environment = Environment(job, self.guest, journal, self.clock, self.timers, self.gone.append)
        return self.environment

    async def started(self, *scripts: Script, **version: Any) -> Environment:
        """The same after INIT, which may have failed."""
        environment = await self.play(*scripts, **version)
        await environment.start()
        return environment

    def starting(self) -> asyncio.Task[EnvironmentStarted]:
        """``start`` under way."""
        assert self.environment is not None
        return self._task(self.environment.start())

    def invoking(self, **changes: Any) -> asyncio.Task[InvocationResult]:
        """``invoke`` under way."""
        assert self.environment is not None
        return self._task(self.environment.invoke(an_invocation(**changes)))

    async def timer_runs_out(self, seconds: float) -> None:
        """Move time when the environment waits for the runtime, and only then."""
        await reached(lambda: self.timers.armed)
        self.timers.advance(seconds)

    @property
    def runtime(self) -> FakeRuntime:
        """The newest runtime process."""
        assert self.guest is not None
        return self.guest.runtimes[-1]

    @property
    def state(self) -> str:
        assert self.environment is not None
        return str(self.environment.describe()["state"])

    def log_lines(self) -> list[str]:
        """All lines since the last call."""
        return [text for _, text in self.log.take()[0]]

    async def close(self) -> None:
        if self.environment is not None:
            await self.environment.shutdown()
        for task in self._pending:
            task.cancel()
        if self._pending:
            await asyncio.wait(self._pending)

    def _task(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        return task

"""The runtime process of one environment: started, watched, killed; what happens to it becomes events."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

from raylambda.node.environment.events import GuestLost, RuntimeExited, RuntimeKilled, RuntimeSegfaulted
from raylambda.node.environment.failures import exited
from raylambda.node.sandbox.contract import Guest, RuntimeCommand, RuntimeExit, SandboxError

KILL_LIMIT_S: Final = 30.0
"""A guest that takes longer to kill its processes is given up."""

_LOG: Final = logging.getLogger(__name__)


class RuntimeProcess:
    """Carries out what the life cycle says to do with the guest, one thing after the other.

    ``tell`` takes the events; ``request_id`` names the invocation that an exit belongs to. After ``close`` nothing is told.
    """

    def __init__(
        self,
        guest: Guest,
        tell: Callable[[RuntimeExited | RuntimeKilled | GuestLost], None],
        request_id: Callable[[], str],
    ) -> None:
        self._guest = guest
        self._tell = tell
        self._request_id = request_id
        self._watch: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self, command: RuntimeCommand, pause_s: float = 0.0) -> None:
        """Start it, perhaps after a pause, and watch for its end."""
        self._watch = self._spawn(self._live(command, pause_s))

    def kill(self, then: Callable[[], None]) -> None:
        """Kill it; ``then`` is called when no process is left, before ``RuntimeKilled`` is told."""
        self._stop_watching()
        self._spawn(self._kill(then))

    def close(self) -> None:
        """Give the guest back."""
        self._closed = True
        self._stop_watching()
        self._spawn(self._guest.close())

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _live(self, command: RuntimeCommand, pause_s: float) -> None:
        if pause_s:
            await asyncio.sleep(pause_s)
        try:
            await self._guest.run(command)
        except SandboxError as error:
            end = RuntimeExit(could_not_start=str(error), guest_ended=True)
        else:
            end = await self._guest.exited()
        self._watch = None
        failure = exited(self._request_id(), end)
        exit_event = RuntimeSegfaulted if end.signal == signal.SIGSEGV else RuntimeExited
        self._tell(GuestLost(failure) if end.guest_ended else exit_event(failure))

    async def _kill(self, then: Callable[[], None]) -> None:
        async with asyncio.timeout(KILL_LIMIT_S):
            await self._guest.kill()
        if not self._closed:
            then()
            self._tell(RuntimeKilled())

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Whatever fails here leaves a jail that nobody can trust any more."""
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        _LOG.error("a guest failed", exc_info=task.exception())
        if not self._closed:
            self._tell(GuestLost(exited(self._request_id(), RuntimeExit(signal=9, guest_ended=True))))

"""One execution environment: its life cycle, its guest and its guest APIs joined, with clock and timers.

This is the driver of ``lifecycle.py``: what happens (requests of the runtime, exits, alarms, calls of the host) becomes an
event, and the commands that come back are carried out. It serves one invocation at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from raylambda.model.clock import Clock
from raylambda.model.environment import EnvironmentStarted, EnvironmentStopped, NoSuchEnvironment
from raylambda.model.function import FunctionVersion
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.model.limits import INIT_TIMEOUT_S
from raylambda.node.environment.events import (
    Answer,
    ArmDeadline,
    BeginInvocation,
    CloseGuest,
    Command,
    DeadlinePassed,
    Deliver,
    DisarmDeadline,
    EndInit,
    Event,
    GiveUp,
    InvocationArrived,
    KillRuntime,
    LogCrash,
    Phase,
    ReportGone,
    ReportInitFailure,
    ShutdownRequested,
    StartRequested,
    StartRuntime,
    reason_of,
)
from raylambda.node.environment.failures import timed_out, unavailable
from raylambda.node.environment.guest_api.runtime_api import RUNTIME_API, RuntimeApi
from raylambda.node.environment.guest_api.server import GuestServer
from raylambda.node.environment.lifecycle import Lifecycle, Refused, State
from raylambda.node.environment.logging.journal import Journal, Usage
from raylambda.node.environment.process import RuntimeProcess
from raylambda.node.environment.run import Run
from raylambda.node.environment.timers import Alarm, Timers
from raylambda.node.runtimes.plan import RuntimeUnavailable
from raylambda.node.sandbox.contract import Guest, RuntimeCommand, SandboxError

_UNRUNNABLE: Final = "Unrunnable"


class EnvironmentBusy(Exception):
    """The environment runs an invocation already; each takes one at a time."""


@dataclass(frozen=True, slots=True)
class Job:
    """What an environment is made for; ``init_timeout_s`` is AWS's 10 s outside of tests."""

    environment_id: str
    version: FunctionVersion
    command: RuntimeCommand
    init_timeout_s: float = INIT_TIMEOUT_S


class Environment:
    """One environment on a guest that is launched already; it owns the guest from now on.

    ``on_gone`` is called once with a reason if the environment ends while nobody uses it.
    """

    def __init__(
        self, job: Job, guest: Guest, journal: Journal, clock: Clock, timers: Timers, on_gone: Callable[[str], None]
    ) -> None:
        self._job = job
        self._guest = guest
        self._journal = journal
        self._clock = clock
        self._on_gone = on_gone
        self._lifecycle = Lifecycle()
        self._api = RuntimeApi(self.tell, lambda: self._lifecycle.running_id)
        self._server = GuestServer({RUNTIME_API: self._api})
        self._process = RuntimeProcess(guest, self.tell, lambda: self._last_id)
        self._deadline = Alarm(timers)
        self._run: Run | None = None
        self._last_id = ""
        self._started: asyncio.Future[EnvironmentStarted] = asyncio.get_running_loop().create_future()

    async def start(self) -> EnvironmentStarted:
        """INIT, to its end; a failed one is no error. Raises ``SandboxError`` when the jail is gone."""
        self._server.serve(self._guest.api_socket)
        self.tell(StartRequested())
        started = await self._started
        if self._lifecycle.state is State.CLOSED:
            await self._process.settled()
            raise SandboxError("the jail ended while its runtime started")
        return started

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Run one event. A cancelled call gives up the result; the invocation goes on, and the environment stays busy.

        Raises ``EnvironmentBusy``, ``NoSuchEnvironment`` (the event did not run), ``EnvironmentStopped`` (it may have).
        """
        if self._run is not None:
            raise EnvironmentBusy(f"environment {self._job.environment_id} runs an invocation already")
        self._run = run = Run(invocation, self._job.version.timeout_s, self._clock)
        try:
            self.tell(InvocationArrived(invocation.request_id))
            await asyncio.shield(run.answered)
        except asyncio.CancelledError:
            run.answered.add_done_callback(lambda _: self._conclude_unheard(run))
            raise
        except Refused as refused:
            self._run = None
            raise NoSuchEnvironment(f"environment {self._job.environment_id}: {refused}") from refused
        except (NoSuchEnvironment, EnvironmentStopped):
            self._run = None
            raise
        return self._conclude(run)

    async def shutdown(self) -> None:
        """End the environment; may be called twice. Returns when the jail is gone."""
        self.tell(ShutdownRequested())
        await self._process.settled()

    def describe(self) -> dict[str, object]:
        """For people: where it is, how it came to be there, and what its guest uses."""
        return {
            **self._journal.describe(),
            "state": self._lifecycle.state.value,
            "request_id": self._lifecycle.request_id,
            "guest": self._guest.describe(),
        }

    def tell(self, event: Event) -> None:
        """Decide and do; raises ``Refused``."""
        commands = self._lifecycle.handle(event)
        self._journal.note(type(event).__name__, self._lifecycle.state, reason_of(event))
        for command in commands:
            self._perform(command)

    def _perform(self, command: Command) -> None:
        match command:
            case StartRuntime(phase, pause_s):
                if not pause_s:
                    self._journal.runtime_starts(phase)
                self._process.start(self._job.command, pause_s)
            case KillRuntime():
                self._process.kill(then=self._server.forget)
            case ArmDeadline(phase):
                limit_s = self._job.init_timeout_s if phase is Phase.INIT else self._job.version.timeout_s
                self._deadline.set(limit_s, lambda: self.tell(DeadlinePassed(timed_out(self._last_id, limit_s))))
            case DisarmDeadline():
                self._deadline.stop()
            case EndInit(failure):
                init_ms = self._journal.init_ends(failure)
                self._started.set_result(EnvironmentStarted(self._job.environment_id, init_ms, failure is None))
            case ReportInitFailure(phase, failed):
                self._journal.init_fails(phase, failed)
            case LogCrash(failed):
                self._journal.runtime_crashes(failed)
            case CloseGuest():
                self._server.close()
                self._journal.close()
                self._process.close()
            case ReportGone(reason):
                self._on_gone(reason)
            case BeginInvocation() | Deliver() | Answer() | GiveUp():
                if self._run is None:
                    raise RuntimeError(f"{command} is about an invocation, and there is none")
                self._perform_on(self._run, command)

    def _perform_on(self, run: Run, command: BeginInvocation | Deliver | Answer | GiveUp) -> None:
        match command:
            case BeginInvocation():
                self._last_id = run.invocation.request_id
                run.begin()
                self._journal.invocation_begins(self._last_id)
            case Deliver():
                self._server.renew_credit()
                self._api.deliver(run.head(), run.invocation.payload or b"{}")
            case Answer(result):
                run.answer(result, min(self._guest.memory_peak_mb(), self._job.version.memory_mb))
            case GiveUp(delivered):
                run.give_up(self._job.environment_id, delivered)

    def _conclude(self, run: Run) -> InvocationResult:
        """Log the end of an invocation, and make its result; the next may come."""
        self._run = None
        self._guest.drain()  # what the function wrote before it answered belongs before END
        return self._journal.invocation_ends(
            run.invocation.request_id,
            run.answered.result(),
            run.usage(),
            tail=run.invocation.tail,
            reusable=self._lifecycle.state is not State.CLOSED,
        )

    def _conclude_unheard(self, run: Run) -> None:
        """The same for a caller that has gone."""
        if run.answered.exception() is None:
            self._conclude(run)
        else:
            self._run = None


class UnrunnableEnvironment:
    """An environment of a version that this node cannot run: it starts, and every invocation says why not.

    AWS accepts such a function as well, and tells its caller at the invocation. It has neither jail nor process; the rest is as
    with ``Environment``.
    """

    def __init__(self, environment_id: str, absent: RuntimeUnavailable, journal: Journal) -> None:
        self._environment_id = environment_id
        self._absent = absent
        self._journal = journal

    async def start(self) -> EnvironmentStarted:
        self._journal.note("StartRequested", _UNRUNNABLE, self._absent.error_type)
        return EnvironmentStarted(self._environment_id, init_ms=0.0, init_ok=False)

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """The failure, as a function error; not reusable, because the node may learn to run it."""
        self._journal.invocation_begins(invocation.request_id)
        failure = unavailable(invocation.request_id, self._absent.error_type, self._absent.message)
        return self._journal.invocation_ends(
            invocation.request_id, failure, Usage(0.0, 0), tail=invocation.tail, reusable=False
        )

    async def shutdown(self) -> None:
        self._journal.close()

    def describe(self) -> dict[str, object]:
        return {**self._journal.describe(), "state": _UNRUNNABLE}

"""The states of one environment: what may happen in each, where it leads, and what has to be done (pure).

Everything that affects states and transitions lives in this file. ``TRANSITIONS`` is the whole truth: a pair that is not
in it is refused (``Refused``), and the diagram in ``docs/environment-states.md`` is made from it by ``diagram``.

The driver (``environment.py``) tells events and carries out the commands that come back, in their order. It answers
``StartRuntime`` by ``RuntimeExited`` (some day), ``KillRuntime`` by ``RuntimeKilled`` and ``ArmDeadline`` by
``DeadlinePassed`` unless ``DisarmDeadline`` comes first. One deadline is armed at a time; arming replaces it.

Extensions will add their registration and their ``next`` here: INIT and INVOKE then end when all have asked, not just the
runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

from raylambda.node.environment.events import (
    Answer,
    ArmDeadline,
    BeginInvocation,
    CloseGuest,
    Commands,
    DeadlinePassed,
    Deliver,
    DisarmDeadline,
    EndInit,
    Event,
    GiveUp,
    GuestLost,
    InitErrorReported,
    InvocationArrived,
    KillRuntime,
    LogCrash,
    Phase,
    ReportGone,
    ReportInitFailure,
    RuntimeAnswered,
    RuntimeAsksNext,
    RuntimeExited,
    RuntimeKilled,
    RuntimeSegfaulted,
    ShutdownRequested,
    StartRequested,
    StartRuntime,
)
from raylambda.node.environment.failures import OUT_OF_MEMORY, Failed


class State(StrEnum):
    """Where an environment is; the comments are the legend of the diagram."""

    CREATED = "Created"  # the jail stands, no runtime process has run
    INITIALIZING = "Initializing"  # INIT: the runtime has not asked for an event yet
    READY = "Ready"  # the runtime waits for an event
    RUNNING = "Running"  # the runtime has the event and has not answered
    RESPONSE_SENT = "ResponseSent"  # answered; the runtime has not asked for the next event
    QUEUED = "Queued"  # as ResponseSent, and the next invocation is here already
    RESETTING = "Resetting"  # the runtime is being killed, and nobody waits for it
    RESETTING_QUEUED = "ResettingQueued"  # as Resetting, and the next invocation is here already
    FAILING = "Failing"  # the runtime is being killed, and an invocation waits with its verdict
    COLD = "Cold"  # no runtime process; the next invocation begins with an INIT of its own
    RESTARTING = "Restarting"  # INIT repeated inside an invocation, on its time
    CLOSED = "Closed"  # the end


class Refused(Exception):
    """The event is not allowed in this state; ``state`` is where the environment stays."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{type(event).__name__} is not allowed in {state}")
        self.state = state


# ---- the table ----------------------------------------------------------------------------------------------------

Decision = Callable[["Lifecycle", Any], Commands]
"""Its second argument is the event of the row's type."""

RETRY_PAUSE_S: Final = 0.1
"""A runtime that dies of a segmentation fault in its INIT is started again until the function's timeout (lambda-reference.md 7)."""

_Fatal = InitErrorReported | RuntimeExited | DeadlinePassed | GuestLost


@dataclass(frozen=True, slots=True)
class Transition:
    """Where an event leads, and the commands: fixed ones, or those that ``decide`` makes of the event."""

    target: State
    commands: Commands = ()
    decide: Decision | None = None


def _answer(_: Lifecycle, event: RuntimeAnswered) -> Commands:
    return (Answer(event.result),)


def _fail_init(_: Lifecycle, event: _Fatal) -> Commands:
    return (DisarmDeadline(), ReportInitFailure(Phase.INIT, event.failure), KillRuntime(), EndInit(event.failure))


def _fail_restart(lifecycle: Lifecycle, event: _Fatal) -> Commands:
    lifecycle.verdict = event.failure
    return (DisarmDeadline(), ReportInitFailure(Phase.INVOKE, lifecycle.verdict), KillRuntime())


def _fail_invocation(lifecycle: Lifecycle, event: _Fatal) -> Commands:
    lifecycle.verdict = event.failure
    return (DisarmDeadline(), KillRuntime())


def _crash(_: Lifecycle, event: _Fatal) -> Commands:
    return (DisarmDeadline(), LogCrash(event.failure), KillRuntime())


def _pronounce(lifecycle: Lifecycle, _: Event) -> Commands:
    verdict, lifecycle.verdict = lifecycle.verdict, None
    return () if verdict is None else (Answer(verdict),)


def _close_failing(lifecycle: Lifecycle, event: Event) -> Commands:
    return (*_pronounce(lifecycle, event), CloseGuest())


def _lose_idle(_: Lifecycle, event: _Fatal) -> Commands:
    return (DisarmDeadline(), CloseGuest(), ReportGone(event.failure.reason))


def _lose_init(_: Lifecycle, event: _Fatal) -> Commands:
    return (DisarmDeadline(), ReportInitFailure(Phase.INIT, event.failure), CloseGuest(), EndInit(event.failure))


def _lose_running(_: Lifecycle, event: _Fatal) -> Commands:
    """Its own memory is the function's affair; a jail that ends otherwise is ours (design.md 8)."""
    last_word = Answer(event.failure) if event.failure.report_type == OUT_OF_MEMORY else GiveUp(delivered=True)
    return (DisarmDeadline(), last_word, CloseGuest())


_BEGIN: Final = (BeginInvocation(), ArmDeadline(Phase.INVOKE))
_RUN: Final = Transition(State.RUNNING, (*_BEGIN, Deliver()))
_RESTART: Final = Transition(State.RESTARTING, (*_BEGIN, StartRuntime(Phase.INVOKE)))
_ANSWERED: Final = Transition(State.RESPONSE_SENT, decide=_answer)
_INIT_FAILED: Final = Transition(State.RESETTING, decide=_fail_init)
_RESTART_FAILED: Final = Transition(State.FAILING, decide=_fail_restart)
_RETRY: Final = Transition(State.RESTARTING, (StartRuntime(Phase.INVOKE, RETRY_PAUSE_S),))
_INVOCATION_FAILED: Final = Transition(State.FAILING, decide=_fail_invocation)
_CRASHED: Final = Transition(State.RESETTING, decide=_crash)
_CRASHED_QUEUED: Final = Transition(State.RESETTING_QUEUED, decide=_crash)
_END: Final = Transition(State.CLOSED, (DisarmDeadline(), CloseGuest()))
_END_INIT: Final = Transition(State.CLOSED, (DisarmDeadline(), CloseGuest(), EndInit()))
_END_RUNNING: Final = Transition(State.CLOSED, (DisarmDeadline(), GiveUp(delivered=True), CloseGuest()))
_END_WAITING: Final = Transition(State.CLOSED, (DisarmDeadline(), GiveUp(delivered=False), CloseGuest()))
_LOST_IDLE: Final = Transition(State.CLOSED, decide=_lose_idle)
_LOST_INIT: Final = Transition(State.CLOSED, decide=_lose_init)
_LOST_RUNNING: Final = Transition(State.CLOSED, decide=_lose_running)
_LOST_FAILING: Final = Transition(State.CLOSED, decide=_close_failing)

TRANSITIONS: Final[Mapping[tuple[State, type[Event]], Transition]] = {
    (State.CREATED, StartRequested): Transition(
        State.INITIALIZING, (StartRuntime(Phase.INIT), ArmDeadline(Phase.INIT))
    ),
    (State.CREATED, ShutdownRequested): _END,
    (State.INITIALIZING, RuntimeAsksNext): Transition(State.READY, (DisarmDeadline(), EndInit())),
    (State.INITIALIZING, InitErrorReported): _INIT_FAILED,
    (State.INITIALIZING, RuntimeExited): _INIT_FAILED,
    (State.INITIALIZING, DeadlinePassed): _INIT_FAILED,
    (State.INITIALIZING, GuestLost): _LOST_INIT,
    (State.INITIALIZING, ShutdownRequested): _END_INIT,
    (State.READY, RuntimeAsksNext): Transition(State.READY),
    (State.READY, InvocationArrived): _RUN,
    (State.READY, RuntimeExited): _CRASHED,
    (State.READY, GuestLost): _LOST_IDLE,
    (State.READY, ShutdownRequested): _END,
    (State.RUNNING, RuntimeAnswered): _ANSWERED,
    (State.RUNNING, RuntimeExited): _INVOCATION_FAILED,
    (State.RUNNING, DeadlinePassed): _INVOCATION_FAILED,
    (State.RUNNING, GuestLost): _LOST_RUNNING,
    (State.RUNNING, ShutdownRequested): _END_RUNNING,
    (State.RESPONSE_SENT, RuntimeAsksNext): Transition(State.READY, (DisarmDeadline(),)),
    (State.RESPONSE_SENT, InvocationArrived): Transition(State.QUEUED),
    (State.RESPONSE_SENT, RuntimeExited): _CRASHED,
    (State.RESPONSE_SENT, DeadlinePassed): _CRASHED,
    (State.RESPONSE_SENT, GuestLost): _LOST_IDLE,
    (State.RESPONSE_SENT, ShutdownRequested): _END,
    (State.QUEUED, RuntimeAsksNext): _RUN,
    (State.QUEUED, RuntimeExited): _CRASHED_QUEUED,
    (State.QUEUED, DeadlinePassed): _CRASHED_QUEUED,
    (State.QUEUED, GuestLost): _END_WAITING,
    (State.QUEUED, ShutdownRequested): _END_WAITING,
    (State.RESETTING, RuntimeKilled): Transition(State.COLD),
    (State.RESETTING, InvocationArrived): Transition(State.RESETTING_QUEUED),
    (State.RESETTING, GuestLost): _LOST_IDLE,
    (State.RESETTING, ShutdownRequested): _END,
    (State.RESETTING_QUEUED, RuntimeKilled): _RESTART,
    (State.RESETTING_QUEUED, GuestLost): _END_WAITING,
    (State.RESETTING_QUEUED, ShutdownRequested): _END_WAITING,
    (State.FAILING, RuntimeKilled): Transition(State.COLD, decide=_pronounce),
    (State.FAILING, GuestLost): _LOST_FAILING,
    (State.FAILING, ShutdownRequested): _LOST_FAILING,
    (State.COLD, InvocationArrived): _RESTART,
    (State.COLD, GuestLost): _LOST_IDLE,
    (State.COLD, ShutdownRequested): _END,
    (State.RESTARTING, RuntimeAsksNext): Transition(State.RUNNING, (Deliver(),)),
    (State.RESTARTING, InitErrorReported): _RESTART_FAILED,
    (State.RESTARTING, RuntimeExited): _RESTART_FAILED,
    (State.RESTARTING, RuntimeSegfaulted): _RETRY,
    (State.RESTARTING, DeadlinePassed): _RESTART_FAILED,
    (State.RESTARTING, GuestLost): _END_WAITING,
    (State.RESTARTING, ShutdownRequested): _END_WAITING,
    (State.CLOSED, ShutdownRequested): Transition(State.CLOSED),
}

HAS_INVOCATION: Final = frozenset(
    {State.RUNNING, State.QUEUED, State.RESETTING_QUEUED, State.FAILING, State.RESTARTING}
)


class Lifecycle:
    """One environment's state; ``handle`` decides, the caller does."""

    def __init__(self) -> None:
        self.state = State.CREATED
        self.request_id: str | None = None
        self.verdict: Failed | None = None

    def handle(self, event: Event) -> Commands:
        """Take the event and return what has to be done, in order; raises ``Refused`` and then changes nothing."""
        kind = type(event)
        # an event that has no row of its own is its base's
        transition = TRANSITIONS.get((self.state, kind)) or TRANSITIONS.get(
            (self.state, cast(type[Event], kind.__base__))
        )
        if transition is None:
            raise Refused(self.state, event)
        if type(event) is InvocationArrived:
            self.request_id = event.request_id
        commands = transition.commands if transition.decide is None else transition.decide(self, event)
        self.state = transition.target
        if self.state not in HAS_INVOCATION:
            self.request_id = None
        return commands

    @property
    def running_id(self) -> str | None:
        """The id that the runtime may answer now: of an event that it has and has not answered."""
        return self.request_id if self.state is State.RUNNING else None

    def check(self) -> None:
        """The invariants; a failure is a mistake in the table."""
        if (self.request_id is not None) != (self.state in HAS_INVOCATION):
            raise AssertionError(f"{self.state} with the id {self.request_id}")
        if (self.verdict is not None) != (self.state is State.FAILING):
            raise AssertionError(f"{self.state} with the verdict {self.verdict}")


def diagram() -> str:
    """The table as a Mermaid state diagram, one arrow for each pair of states."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, event), transition in TRANSITIONS.items():
        if state is not State.CLOSED:
            arrows.setdefault((state, transition.target), []).append(event.__name__)
    lines = [f"    {start} --> {end}: {', '.join(events)}" for (start, end), events in arrows.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.CREATED}", *lines, f"    {State.CLOSED} --> [*]"])

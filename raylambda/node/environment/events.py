"""What the driver tells the life cycle (events, in the past tense) and what it has to do (commands); plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raylambda.node.environment.failures import Failed, Responded


class Phase(StrEnum):
    """In which phase a time or an INIT counts; AWS's words in INIT_REPORT."""

    INIT = "init"
    INVOKE = "invoke"


# ---- events -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartRequested:
    """Begin INIT."""


@dataclass(frozen=True, slots=True)
class InvocationArrived:
    """An event is to be run; at most one at a time."""

    request_id: str


@dataclass(frozen=True, slots=True)
class RuntimeAsksNext:
    """``GET /runtime/invocation/next``."""


@dataclass(frozen=True, slots=True)
class RuntimeAnswered:
    """The runtime's answer to the running invocation: its response, its error, or what we make of an answer that we refuse."""

    result: Responded | Failed


@dataclass(frozen=True, slots=True)
class InitErrorReported:
    """``POST /runtime/init/error``."""

    failure: Failed


@dataclass(frozen=True, slots=True)
class RuntimeExited:
    """The runtime process ended by itself."""

    failure: Failed


@dataclass(frozen=True, slots=True)
class RuntimeSegfaulted(RuntimeExited):
    """It ended by a segmentation fault, which AWS tries again while INIT runs inside an invocation."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The armed deadline is over; ``failure`` is what the running invocation, or INIT, gets."""

    failure: Failed


@dataclass(frozen=True, slots=True)
class RuntimeKilled:
    """``KillRuntime`` is done: no process of the runtime is left."""


@dataclass(frozen=True, slots=True)
class GuestLost:
    """The jail itself is gone."""

    failure: Failed


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """End the environment; with no extensions there is nothing to wait for."""


Event = (
    StartRequested
    | InvocationArrived
    | RuntimeAsksNext
    | RuntimeAnswered
    | InitErrorReported
    | RuntimeExited
    | DeadlinePassed
    | RuntimeKilled
    | GuestLost
    | ShutdownRequested
)


def reason_of(event: Event) -> str:
    """Why it happened, for people; empty where the event's name says it all."""
    match event:
        case InitErrorReported(failure) | RuntimeExited(failure) | DeadlinePassed(failure) | GuestLost(failure):
            return failure.reason
        case RuntimeAnswered(Failed() as failure):
            return failure.reason
        case _:
            return ""


# ---- commands -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartRuntime:
    """Start a runtime process; ``phase`` says on whose time its INIT runs, ``pause_s`` how long to wait before."""

    phase: Phase
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class KillRuntime:
    """Kill all processes of the runtime and forget its connections."""


@dataclass(frozen=True, slots=True)
class ArmDeadline:
    """From now: 10 s for INIT, the function's timeout for INVOKE."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class DisarmDeadline:
    """No deadline runs."""


@dataclass(frozen=True, slots=True)
class EndInit:
    """INIT is over, well (``None``) or badly; the environment takes invocations either way."""

    failure: Failed | None = None


@dataclass(frozen=True, slots=True)
class BeginInvocation:
    """The time of the invocation begins."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the event to the runtime that waits for one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Give the caller the result."""

    result: Responded | Failed


@dataclass(frozen=True, slots=True)
class ReportInitFailure:
    """Log how INIT failed."""

    phase: Phase
    failure: Failed


@dataclass(frozen=True, slots=True)
class LogCrash:
    """Log that the runtime ended while no invocation ran."""

    failure: Failed


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Tell the caller that no answer will come; ``delivered`` when the runtime had the event already."""

    delivered: bool


@dataclass(frozen=True, slots=True)
class CloseGuest:
    """Free the jail."""


@dataclass(frozen=True, slots=True)
class ReportGone:
    """Tell the fleet that the environment ended while nobody used it."""

    reason: str


Command = (
    StartRuntime
    | KillRuntime
    | ArmDeadline
    | DisarmDeadline
    | EndInit
    | BeginInvocation
    | Deliver
    | Answer
    | ReportInitFailure
    | LogCrash
    | GiveUp
    | CloseGuest
    | ReportGone
)
Commands = tuple[Command, ...]

"""The transition table: what is decided in the states that an environment rarely is in, and its picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from raylambda.node.environment.events import (
    Answer,
    ArmDeadline,
    BeginInvocation,
    CloseGuest,
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
    Phase,
    RuntimeAnswered,
    RuntimeAsksNext,
    RuntimeExited,
    RuntimeKilled,
    ShutdownRequested,
    StartRequested,
    StartRuntime,
)
from raylambda.node.environment.failures import Failed, Responded
from raylambda.node.environment.lifecycle import Lifecycle, Refused, State, diagram

FAILURE = Failed("Runtime.ExitError", b"{}", reason="gone")
DOCUMENT = Path(__file__).parents[4] / "docs" / "environment-states.md"


def a_lifecycle(*events: Event) -> Lifecycle:
    lifecycle = Lifecycle()
    for event in events:
        lifecycle.handle(event)
        lifecycle.check()
    return lifecycle


READY = (StartRequested(), RuntimeAsksNext())
RUNNING = (*READY, InvocationArrived("r1"))
RESPONSE_SENT = (*RUNNING, RuntimeAnswered(Responded(b"1")))
QUEUED = (*RESPONSE_SENT, InvocationArrived("r2"))


def test_the_way_of_a_warm_invocation() -> None:
    lifecycle = a_lifecycle(*READY)

    arrived = lifecycle.handle(InvocationArrived("r1"))
    answered = lifecycle.handle(RuntimeAnswered(Responded(b"1")))
    back = lifecycle.handle(RuntimeAsksNext())

    assert arrived == (BeginInvocation(), ArmDeadline(Phase.INVOKE), Deliver())
    assert answered == (Answer(Responded(b"1")),)
    assert back == (DisarmDeadline(),)
    assert lifecycle.state is State.READY


def test_only_the_event_that_the_runtime_has_may_be_answered() -> None:
    assert a_lifecycle(*READY).running_id is None
    assert a_lifecycle(*RUNNING).running_id == "r1"
    assert a_lifecycle(*RESPONSE_SENT).running_id is None
    assert a_lifecycle(*QUEUED).running_id is None
    assert a_lifecycle(*QUEUED, RuntimeAsksNext()).running_id == "r2"


def test_the_time_of_a_queued_invocation_begins_when_the_runtime_takes_it() -> None:
    lifecycle = a_lifecycle(*RESPONSE_SENT)

    queued = lifecycle.handle(InvocationArrived("r2"))
    taken = lifecycle.handle(RuntimeAsksNext())

    assert queued == ()
    assert taken == (BeginInvocation(), ArmDeadline(Phase.INVOKE), Deliver())


def test_a_crash_with_a_queued_invocation_starts_the_runtime_for_it() -> None:
    lifecycle = a_lifecycle(*QUEUED, RuntimeExited(FAILURE))

    commands = lifecycle.handle(RuntimeKilled())

    assert commands == (BeginInvocation(), ArmDeadline(Phase.INVOKE), StartRuntime(Phase.INVOKE))
    assert lifecycle.state is State.RESTARTING


def test_an_invocation_that_arrives_during_a_reset_waits_for_it() -> None:
    lifecycle = a_lifecycle(StartRequested(), InitErrorReported(FAILURE), InvocationArrived("r1"))

    assert lifecycle.state is State.RESETTING_QUEUED
    assert StartRuntime(Phase.INVOKE) in lifecycle.handle(RuntimeKilled())


def test_a_verdict_is_pronounced_when_no_process_is_left() -> None:
    lifecycle = a_lifecycle(*RUNNING)

    passed = lifecycle.handle(DeadlinePassed(FAILURE))
    killed = lifecycle.handle(RuntimeKilled())

    assert passed == (DisarmDeadline(), KillRuntime())
    assert killed == (Answer(FAILURE),)
    assert lifecycle.state is State.COLD


@pytest.mark.parametrize("state", [QUEUED, (*RESPONSE_SENT, RuntimeExited(FAILURE), InvocationArrived("r2"))])
@pytest.mark.parametrize("end", [GuestLost(FAILURE), ShutdownRequested()])
def test_an_event_that_never_reached_the_runtime_is_given_up(state: tuple[Event, ...], end: Event) -> None:
    lifecycle = a_lifecycle(*state)

    commands = lifecycle.handle(end)

    assert commands == (DisarmDeadline(), GiveUp(delivered=False), CloseGuest())


def test_a_shutdown_during_an_invocation_says_that_it_may_have_run() -> None:
    assert GiveUp(delivered=True) in a_lifecycle(*RUNNING).handle(ShutdownRequested())


def test_a_shutdown_while_failing_still_pronounces_the_verdict() -> None:
    assert a_lifecycle(*RUNNING, RuntimeExited(FAILURE)).handle(ShutdownRequested()) == (Answer(FAILURE), CloseGuest())


def test_a_shutdown_during_init_ends_it() -> None:
    assert EndInit() in a_lifecycle(StartRequested()).handle(ShutdownRequested())


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (RUNNING, RuntimeAsksNext()),
        (RUNNING, InvocationArrived("r2")),
        (READY, InitErrorReported(FAILURE)),
        (READY, RuntimeAnswered(Responded(b""))),
        (RESPONSE_SENT, RuntimeAnswered(Responded(b""))),
        ((StartRequested(),), InvocationArrived("r1")),
        ((*READY, ShutdownRequested()), InvocationArrived("r1")),
        ((), RuntimeAsksNext()),
    ],
)
def test_what_the_table_does_not_name_is_refused_and_changes_nothing(before: tuple[Event, ...], event: Event) -> None:
    lifecycle = a_lifecycle(*before)
    state = lifecycle.state

    with pytest.raises(Refused) as refused:
        lifecycle.handle(event)

    assert refused.value.state is state
    assert lifecycle.state is state
    lifecycle.check()


def test_the_picture_in_the_documents_is_the_table() -> None:
    text = DOCUMENT.read_text()

    assert f"```mermaid\n{diagram()}\n```" in text
    assert all(f"| {state.value} |" in text for state in State)

"""Any story of events: the life cycle keeps its invariants, every invocation gets one end, and nothing is left behind."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

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
    GuestLost,
    InitErrorReported,
    InvocationArrived,
    KillRuntime,
    RuntimeAnswered,
    RuntimeAsksNext,
    RuntimeExited,
    RuntimeKilled,
    RuntimeSegfaulted,
    ShutdownRequested,
    StartRequested,
    StartRuntime,
)
from raylambda.node.environment.failures import Failed, Responded
from raylambda.node.environment.lifecycle import HAS_INVOCATION, Lifecycle, Refused, State

FAILURE = Failed("Runtime.ExitError", b"{}", reason="gone")
HAS_RUNTIME = frozenset(
    {State.INITIALIZING, State.READY, State.RUNNING, State.RESPONSE_SENT, State.QUEUED, State.RESTARTING}
)
HAS_DEADLINE = HAS_RUNTIME - {State.READY}
FATAL = (InitErrorReported, RuntimeExited, RuntimeSegfaulted, DeadlinePassed, GuestLost)


class Environments(RuleBasedStateMachine):
    """A driver that keeps books of what the commands add up to."""

    def __init__(self) -> None:
        super().__init__()
        self.lifecycle = Lifecycle()
        self.runtime = self.killing = self.deadline = self.guest_closed = False
        self.waiting: str | None = None
        self.began = self.delivered = False
        self.inits_ended = 0
        self.count = 0

    @rule(make=st.sampled_from(FATAL))
    def something_fatal(self, make: type[InitErrorReported]) -> None:
        self.tell(make(FAILURE))

    @rule(event=st.sampled_from([StartRequested(), RuntimeAsksNext(), RuntimeAnswered(Responded(b""))]))
    def something_ordinary(self, event: Event) -> None:
        self.tell(event)

    @rule()
    def an_invocation_arrives(self) -> None:
        self.count += 1
        self.tell(InvocationArrived(f"r{self.count}"))

    @rule()
    def the_kill_is_done(self) -> None:
        if self.killing and not self.guest_closed:
            self.killing = False
            assert self.tell(RuntimeKilled())

    @rule(sure=st.integers(0, 9))
    def a_shutdown(self, sure: int) -> None:
        if sure == 0:
            self.tell(ShutdownRequested())

    def tell(self, event: Event) -> bool:
        before = (self.lifecycle.state, self.lifecycle.request_id, self.lifecycle.verdict)
        if isinstance(event, InvocationArrived) and self.waiting is not None:
            return False
        try:
            commands = self.lifecycle.handle(event)
        except Refused as refused:
            assert refused.state is before[0]
            assert before == (self.lifecycle.state, self.lifecycle.request_id, self.lifecycle.verdict)
            return False
        if isinstance(event, InvocationArrived):
            self.waiting, self.began, self.delivered = event.request_id, False, False
        if isinstance(event, RuntimeExited):
            self.runtime = False
        if isinstance(event, DeadlinePassed):
            assert self.deadline
        for command in commands:
            self.do(command)
        return True

    def do(self, command: Command) -> None:
        match command:
            case StartRuntime():
                assert not self.runtime
                assert not self.killing
                self.runtime = True
            case KillRuntime():
                assert not self.killing
                self.runtime, self.killing = False, True
            case ArmDeadline():
                self.deadline = True
            case DisarmDeadline():
                self.deadline = False
            case EndInit():
                self.inits_ended += 1
            case BeginInvocation():
                assert self.waiting is not None
                assert not self.began
                self.began = True
            case Deliver():
                assert self.began
                assert not self.delivered
                assert self.runtime
                self.delivered = True
            case Answer():
                assert self.waiting is not None
                assert self.began
                self.waiting = None
            case GiveUp(delivered=delivered):
                assert self.waiting is not None
                assert delivered == self.delivered
                self.waiting = None
            case CloseGuest():
                assert not self.guest_closed
                self.guest_closed, self.runtime, self.killing = True, False, False

    @invariant()
    def the_books_agree(self) -> None:
        self.lifecycle.check()
        state = self.lifecycle.state
        assert self.runtime == (state in HAS_RUNTIME)
        assert self.deadline == (state in HAS_DEADLINE)
        assert self.guest_closed == (state is State.CLOSED)
        assert (self.waiting is not None) == (state in HAS_INVOCATION)
        assert self.lifecycle.request_id == self.waiting
        assert self.inits_ended <= 1
        assert self.inits_ended == 1 or state in {State.CREATED, State.INITIALIZING, State.CLOSED}


Environments.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestEnvironments = Environments.TestCase

"""What follows from one attempt of an asynchronous event (lambda-reference.md 14). Pure: the driver says what came out, and when.

::

    before an attempt   too old                        -> Exhausted(EVENT_AGE_EXCEEDED)
    Ran                 no function error              -> Settled
                        error, retries left            -> RetryAt(after 60 s, then 120 s; attempts + 1)
                        error, none left               -> Exhausted(RETRIES_EXHAUSTED)
    Throttled           reserved concurrency is 0      -> Exhausted(ZERO_RESERVED_CONCURRENCY)
                        otherwise                      -> RetryAt(after 1 s, doubling to 300 s; attempts unchanged)
    AttemptFailed       (ours: a 5xx, a lost host)     -> the same back-off
    Gone                the function was deleted       -> Dropped
    AttemptRefused      no attempt can ever work       -> Exhausted(RETRIES_EXHAUSTED)

A retry that would start when the event has reached its maximum age is not made: Exhausted(EVENT_AGE_EXCEEDED).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raylambda.model.limits import ASYNC_BACKOFF_FIRST_S, ASYNC_BACKOFF_LAST_S, ASYNC_MAX_AGE_S, ASYNC_RETRY_WAITS_S


class Condition(StrEnum):
    """``requestContext.condition`` of AWS's invocation record."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``retries`` after function errors (0 to 2 on AWS), the wait before each (the last one repeats), ages and waits in seconds."""

    retries: int = 2
    waits_s: tuple[float, ...] = ASYNC_RETRY_WAITS_S
    max_age_s: float = ASYNC_MAX_AGE_S
    backoff_first_s: float = ASYNC_BACKOFF_FIRST_S
    backoff_last_s: float = ASYNC_BACKOFF_LAST_S

    def retry_wait_s(self, attempts: int) -> float:
        """The wait after ``attempts`` failed attempts (at least one)."""
        return self.waits_s[min(attempts, len(self.waits_s)) - 1] if self.waits_s else 0.0

    def backoff_s(self, deferrals: int) -> float:
        """The wait after ``deferrals`` deferrals in a row before this one."""
        # 2 ** 1024 is no float; long before that the longest wait is reached.
        return min(self.backoff_last_s, self.backoff_first_s * 2.0 ** min(deferrals, 64))


@dataclass(frozen=True, slots=True)
class History:
    """What the store knows of an event: epoch seconds of its acceptance, function runs made, and deferrals since the last one."""

    accepted_at: float
    attempts: int = 0
    deferrals: int = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """The function ran; ``failed`` when it answered with a function error (time-outs and crashes included)."""

    failed: bool


@dataclass(frozen=True, slots=True)
class Throttled:
    """There was no concurrency for it; ``reserved_zero`` when its function has none reserved on purpose."""

    reserved_zero: bool = False


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """Something of ours failed; the function may or may not have run."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """The function, or the version or alias that was asked for, does not exist any more."""


@dataclass(frozen=True, slots=True)
class AttemptRefused:
    """The invocation is not acceptable, and will not be on another day (a 4xx that is about the event itself)."""

    reason: str = ""


Outcome = Ran | Throttled | AttemptFailed | Gone | AttemptRefused


@dataclass(frozen=True, slots=True)
class Settled:
    """The event has done its work after ``attempts`` attempts."""

    attempts: int


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at ``due_at`` (epoch seconds), with these counts."""

    due_at: float
    attempts: int
    deferrals: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The event ends without success: it goes where failures go."""

    condition: Condition
    attempts: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """The event ends and nobody is left to tell: its function is gone."""

    attempts: int


Decision = Settled | RetryAt | Exhausted | Dropped
Ending = Settled | Exhausted | Dropped


def before_attempt(history: History, now: float, policy: RetryPolicy) -> Exhausted | None:
    """Whether an event that was found due may still start: ``None``, or its end."""
    return _too_old(history, now, history.attempts, policy)


def after_attempt(history: History, outcome: Outcome, now: float, policy: RetryPolicy) -> Decision:
    """What follows from ``outcome``, known at ``now`` (epoch seconds)."""
    match outcome:
        case Ran(failed=False):
            return Settled(history.attempts + 1)
        case Ran():
            return _after_function_error(history, now, policy)
        case Throttled(reserved_zero=True):
            return Exhausted(Condition.ZERO_RESERVED_CONCURRENCY, history.attempts)
        case Throttled() | AttemptFailed():
            return _deferred(history, now, policy)
        case Gone():
            return Dropped(history.attempts)
        case AttemptRefused():
            return Exhausted(Condition.RETRIES_EXHAUSTED, history.attempts)


def _after_function_error(history: History, now: float, policy: RetryPolicy) -> RetryAt | Exhausted:
    attempts = history.attempts + 1
    if attempts > policy.retries:
        return Exhausted(Condition.RETRIES_EXHAUSTED, attempts)
    due_at = now + policy.retry_wait_s(attempts)
    return _too_old(history, due_at, attempts, policy) or RetryAt(due_at, attempts, deferrals=0)


def _deferred(history: History, now: float, policy: RetryPolicy) -> RetryAt | Exhausted:
    due_at = now + policy.backoff_s(history.deferrals)
    deferrals = history.deferrals + 1
    return _too_old(history, due_at, history.attempts, policy) or RetryAt(due_at, history.attempts, deferrals)


def _too_old(history: History, start: float, attempts: int, policy: RetryPolicy) -> Exhausted | None:
    if start - history.accepted_at < policy.max_age_s:
        return None
    return Exhausted(Condition.EVENT_AGE_EXCEEDED, attempts)

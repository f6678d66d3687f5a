"""The rules of retries, as lambda-reference.md 14 has them."""

from __future__ import annotations

import pytest

from raylambda.queue.rules import (
    AttemptFailed,
    AttemptRefused,
    Condition,
    Decision,
    Dropped,
    Exhausted,
    Gone,
    History,
    Outcome,
    Ran,
    RetryAt,
    RetryPolicy,
    Settled,
    Throttled,
    after_attempt,
    before_attempt,
)

T0 = 1_800_000_000.0


def decide(outcome: Outcome, at: float = 0.0, policy: RetryPolicy | None = None, **history: int) -> Decision:
    return after_attempt(History(T0, **history), outcome, T0 + at, policy or RetryPolicy())


def attempts_until_the_end(policy: RetryPolicy, run_s: float = 0.0) -> Exhausted:
    """Let every attempt fail after ``run_s``, and start each retry when it is due."""
    history, now = History(T0), T0
    while True:
        ended = before_attempt(history, now, policy)
        if ended is not None:
            return ended
        now += run_s
        decision = after_attempt(history, Ran(failed=True), now, policy)
        if isinstance(decision, Exhausted):
            return decision
        assert isinstance(decision, RetryAt)
        history, now = History(T0, decision.attempts, decision.deferrals), decision.due_at


def test_success_settles() -> None:
    assert decide(Ran(failed=False)) == Settled(attempts=1)
    assert decide(Ran(failed=False), attempts=2) == Settled(attempts=3)


def test_function_errors_are_retried_after_one_minute_then_two_then_no_more() -> None:
    assert decide(Ran(failed=True), at=5) == RetryAt(T0 + 65, attempts=1, deferrals=0)
    assert decide(Ran(failed=True), at=70, attempts=1) == RetryAt(T0 + 190, attempts=2, deferrals=0)
    assert decide(Ran(failed=True), at=200, attempts=2) == Exhausted(Condition.RETRIES_EXHAUSTED, attempts=3)


@pytest.mark.parametrize("outcome", [Throttled(), AttemptFailed("HostLost")])
def test_throttles_and_our_failures_back_off_and_consume_no_attempt(outcome: Outcome) -> None:
    waits = []
    for deferrals in range(11):
        decision = decide(outcome, attempts=1, deferrals=deferrals)
        assert isinstance(decision, RetryAt)
        assert (decision.attempts, decision.deferrals) == (1, deferrals + 1)
        waits.append(decision.due_at - T0)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_the_back_off_starts_anew_after_a_run() -> None:
    assert decide(Ran(failed=True), attempts=0, deferrals=9) == RetryAt(T0 + 60, attempts=1, deferrals=0)


def test_throttles_end_with_the_age_of_the_event_only() -> None:
    late = RetryPolicy().max_age_s - 300

    assert isinstance(decide(Throttled(), at=late - 1, deferrals=5000), RetryAt)
    assert decide(Throttled(), at=late, deferrals=5000) == Exhausted(Condition.EVENT_AGE_EXCEEDED, attempts=0)


@pytest.mark.parametrize(
    ("max_age_s", "attempts", "condition"),
    [
        (60, 1, Condition.EVENT_AGE_EXCEEDED),
        (90, 2, Condition.EVENT_AGE_EXCEEDED),
        (180, 2, Condition.EVENT_AGE_EXCEEDED),
        (181, 3, Condition.RETRIES_EXHAUSTED),
        (21_600, 3, Condition.RETRIES_EXHAUSTED),
    ],
)
def test_a_retry_that_would_start_too_late_is_not_made(max_age_s: float, attempts: int, condition: Condition) -> None:
    assert attempts_until_the_end(RetryPolicy(max_age_s=max_age_s)) == Exhausted(condition, attempts)


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_retries_are_bounded_by_the_policy(retries: int) -> None:
    ending = attempts_until_the_end(RetryPolicy(retries=retries), run_s=3)

    assert ending == Exhausted(Condition.RETRIES_EXHAUSTED, attempts=1 + retries)


def test_an_event_that_waited_too_long_is_not_even_tried() -> None:
    policy = RetryPolicy(max_age_s=60)

    assert before_attempt(History(T0), T0 + 59.9, policy) is None
    assert before_attempt(History(T0), T0 + 60, policy) == Exhausted(Condition.EVENT_AGE_EXCEEDED, attempts=0)


def test_zero_reserved_concurrency_ends_at_once_without_an_attempt() -> None:
    assert decide(Throttled(reserved_zero=True)) == Exhausted(Condition.ZERO_RESERVED_CONCURRENCY, attempts=0)


def test_an_event_of_a_deleted_function_is_dropped() -> None:
    assert decide(Gone(), attempts=1) == Dropped(attempts=1)


def test_an_event_that_can_never_be_taken_ends_as_exhausted() -> None:
    assert decide(AttemptRefused("RequestTooLargeException")) == Exhausted(Condition.RETRIES_EXHAUSTED, attempts=0)


def test_the_last_wait_repeats_and_no_waits_mean_at_once() -> None:
    assert [RetryPolicy(waits_s=(5.0,)).retry_wait_s(attempts) for attempts in (1, 2)] == [5.0, 5.0]
    assert RetryPolicy(waits_s=()).retry_wait_s(1) == 0.0

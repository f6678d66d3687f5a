"""The rules for any history, outcome and time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from raylambda.queue.rules import (
    AttemptFailed,
    AttemptRefused,
    Exhausted,
    Gone,
    History,
    Outcome,
    Ran,
    RetryAt,
    RetryPolicy,
    Throttled,
    after_attempt,
    before_attempt,
)

T0 = 1_800_000_000.0

outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Ran, failed=st.booleans()),
    st.builds(Throttled, reserved_zero=st.booleans()),
    st.builds(AttemptFailed),
    st.builds(Gone),
    st.builds(AttemptRefused),
)
policies = st.builds(
    RetryPolicy,
    retries=st.integers(0, 2),
    waits_s=st.lists(st.floats(0, 600), max_size=3).map(tuple),
    max_age_s=st.floats(60, 21_600),
)
histories = st.builds(History, accepted_at=st.just(T0), attempts=st.integers(0, 2), deferrals=st.integers(0, 1_000_000))


@given(histories, outcomes, st.floats(0, 50_000), policies)
def test_a_retry_lies_ahead_in_time_and_within_the_age(
    history: History, outcome: Outcome, age_s: float, policy: RetryPolicy
) -> None:
    decision = after_attempt(history, outcome, T0 + age_s, policy)

    if isinstance(decision, RetryAt):
        assert decision.due_at >= T0 + age_s
        assert decision.due_at - T0 < policy.max_age_s
        assert before_attempt(History(T0, decision.attempts, decision.deferrals), decision.due_at, policy) is None
        assert decision.due_at - (T0 + age_s) <= max(policy.backoff_last_s, *policy.waits_s, 0.0) + 1e-3
    else:
        assert decision.attempts <= history.attempts + 1


@given(histories, outcomes, st.floats(0, 50_000), policies)
def test_only_runs_consume_attempts(history: History, outcome: Outcome, age_s: float, policy: RetryPolicy) -> None:
    decision = after_attempt(history, outcome, T0 + age_s, policy)

    assert decision.attempts == history.attempts + isinstance(outcome, Ran)


@given(st.lists(outcomes, max_size=60), policies)
def test_whatever_happens_the_function_runs_at_most_once_and_its_retries(
    script: list[Outcome], policy: RetryPolicy
) -> None:
    history, now, runs = History(T0), T0, 0
    for outcome in script:
        if isinstance(before_attempt(history, now, policy), Exhausted):
            break
        runs += isinstance(outcome, Ran)
        decision = after_attempt(history, outcome, now, policy)
        if not isinstance(decision, RetryAt):
            break
        history, now = History(T0, decision.attempts, decision.deferrals), decision.due_at

    assert runs <= 1 + policy.retries

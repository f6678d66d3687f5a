"""Who may run: reserved, unreserved and account concurrency."""

from __future__ import annotations

import pytest

from raylambda.model.errors import ThrottleReason
from raylambda.scheduling.admission import Admission

F = ("123456789012", "us-east-1", "f")
G = ("123456789012", "us-east-1", "g")
ELSEWHERE = ("123456789012", "eu-west-1", "f")
OTHER_ACCOUNT = ("210987654321", "us-east-1", "f")


def test_functions_share_the_accounts_limit_in_a_region() -> None:
    admission = Admission(limit=2)

    assert admission.admit(F) is None
    assert admission.admit(G) is None

    assert admission.admit(F) is ThrottleReason.ACCOUNT
    assert admission.admit(ELSEWHERE) is None
    assert admission.admit(OTHER_ACCOUNT) is None


def test_a_returned_unit_can_be_taken_again() -> None:
    admission = Admission(limit=1)
    admission.admit(F)

    admission.give_back(F)

    assert admission.admit(G) is None


def test_a_reservation_caps_its_function() -> None:
    admission = Admission(limit=10)
    admission.reserve(F, 1)

    assert admission.admit(F) is None
    assert admission.admit(F) is ThrottleReason.FUNCTION


def test_a_reservation_is_guaranteed_whatever_the_others_do() -> None:
    admission = Admission(limit=3)
    admission.reserve(F, 2)

    assert admission.admit(G) is None
    assert admission.admit(G) is ThrottleReason.ACCOUNT
    assert admission.admit(F) is None
    assert admission.admit(F) is None


def test_a_reservation_of_zero_throttles_every_call() -> None:
    admission = Admission()
    admission.reserve(F, 0)

    assert admission.admit(F) is ThrottleReason.FUNCTION


def test_units_that_are_out_follow_their_function_when_limits_change() -> None:
    admission = Admission(limit=4)
    admission.admit(F)
    admission.admit(F)

    admission.reserve(F, 2)
    admission.check()

    assert admission.admit(G) is None
    assert admission.admit(G) is None
    assert admission.admit(G) is ThrottleReason.ACCOUNT
    admission.give_back(F)
    admission.reserve(F, None)
    admission.check()
    assert admission.units(F) == 1
    assert admission.admit(F) is None
    assert admission.admit(F) is ThrottleReason.ACCOUNT


def test_a_lowered_reservation_admits_nothing_until_enough_units_are_back() -> None:
    admission = Admission()
    admission.reserve(F, 3)
    for _ in range(3):
        admission.admit(F)

    admission.reserve(F, 1)
    admission.give_back(F)
    admission.give_back(F)

    assert admission.admit(F) is ThrottleReason.FUNCTION
    admission.give_back(F)
    assert admission.admit(F) is None


def test_a_unit_that_is_not_out_cannot_be_returned() -> None:
    admission = Admission()

    with pytest.raises(ValueError, match="no unit"):
        admission.give_back(F)


def test_the_description_shows_limits_and_units() -> None:
    admission = Admission(limit=10)
    admission.reserve(F, 4)
    admission.admit(F)
    admission.admit(G)

    assert admission.describe() == {
        "123456789012/us-east-1": {
            "limit": 10,
            "shared_limit": 6,
            "shared_units": 1,
            "reserved": {"f": 4},
            "units": {"f": 1, "g": 1},
        }
    }


def test_a_function_is_explained_by_the_limit_that_it_draws_on() -> None:
    admission = Admission(limit=10)
    admission.reserve(F, 1)
    for key in (F, F, F, G):
        admission.admit(key)

    assert admission.explain(F) == {
        "units": 1,
        "reserved": 1,
        "limit": 1,
        "in_use": 1,
        "throttles": {"ReservedFunctionConcurrentInvocationLimitExceeded": 2},
    }
    assert admission.explain(G) == {"units": 1, "reserved": None, "limit": 9, "in_use": 1, "throttles": {}}
    assert admission.explain(ELSEWHERE) == {"units": 0, "reserved": None, "limit": 10, "in_use": 0, "throttles": {}}


def test_the_throttles_of_the_accounts_limit_are_counted_for_the_function_that_met_it() -> None:
    admission = Admission(limit=1)
    admission.admit(F)
    admission.admit(G)

    assert admission.explain(G)["throttles"] == {"ConcurrentInvocationLimitExceeded": 1}
    assert admission.explain(F)["throttles"] == {}
    assert admission.explain(G)["in_use"] == 1


def test_a_function_is_told_of_while_units_are_out_and_once_a_limit_refused_it() -> None:
    admission = Admission(limit=1)
    assert not admission.tells_of(F)
    admission.admit(F)
    assert admission.tells_of(F)
    assert not admission.tells_of(G)

    admission.admit(G)
    admission.give_back(F)

    assert not admission.tells_of(F)
    assert admission.tells_of(G)
    admission.forget(G)
    assert not admission.tells_of(G)

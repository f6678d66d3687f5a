"""Admission under random calls, returns and changes of limits."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from raylambda.model.errors import ThrottleReason
from raylambda.scheduling.admission import Admission

LIMIT = 5
KEYS = st.tuples(st.sampled_from(["111111111111", "222222222222"]), st.just("r"), st.sampled_from(["f", "g", "h"]))
Key = tuple[str, str, str]


class Counting(RuleBasedStateMachine):
    """Counts the units by itself, and says what the answer must be."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(LIMIT)
        self.units: Counter[Key] = Counter()
        self.reserved: dict[Key, int] = {}

    def expected(self, key: Key) -> ThrottleReason | None:
        if key in self.reserved:
            return ThrottleReason.FUNCTION if self.units[key] >= self.reserved[key] else None
        same = [other for other in {*self.units, *self.reserved} if other[:2] == key[:2]]
        shared = sum(self.units[other] for other in same if other not in self.reserved)
        left = LIMIT - sum(self.reserved.get(other, 0) for other in same)
        return ThrottleReason.ACCOUNT if shared >= left else None

    @rule(key=KEYS)
    def a_call_comes(self, key: Key) -> None:
        expected = self.expected(key)
        assert self.admission.admit(key) == expected
        self.units[key] += expected is None

    @precondition(lambda self: self.units.total())
    @rule(data=st.data())
    def a_call_ends(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.units.elements())))
        self.admission.give_back(key)
        self.units[key] -= 1

    @rule(key=KEYS, amount=st.none() | st.integers(0, LIMIT))
    def a_reservation_changes(self, key: Key, amount: int | None) -> None:
        self.admission.reserve(key, amount)
        self.reserved.pop(key, None)
        if amount is not None:
            self.reserved[key] = amount

    @invariant()
    def the_counts_agree(self) -> None:
        self.admission.check()
        for key, units in self.units.items():
            assert self.admission.units(key) == units


Counting.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAdmission = Counting.TestCase

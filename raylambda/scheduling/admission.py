"""Concurrency: who may run now (lambda-reference.md 13). Pure.

One unit stands for one invocation that holds, or waits for, an environment. A function with reserved concurrency draws
on its own units, which caps and guarantees it; all others share what the reservations of their account and region leave.
"""

from __future__ import annotations

from collections import Counter

from raylambda.model.errors import ThrottleReason
from raylambda.model.function import FunctionKey
from raylambda.model.limits import ACCOUNT_CONCURRENCY


class _Region:
    """The pools of one account in one region. ``shared_units`` are those of functions without a reservation."""

    def __init__(self) -> None:
        self.reserved: dict[FunctionKey, int] = {}
        self.reserved_total = 0
        self.units: dict[FunctionKey, int] = {}
        self.shared_units = 0
        self.throttles: dict[FunctionKey, Counter[ThrottleReason]] = {}

    def throttle(self, key: FunctionKey, reason: ThrottleReason) -> ThrottleReason:
        self.throttles.setdefault(key, Counter())[reason] += 1
        return reason


class Admission:
    """Counts units. Limits may change while units are out: those stay counted where their function belongs now.

    ``limit`` is the concurrency of an account in each region.
    """

    def __init__(self, limit: int = ACCOUNT_CONCURRENCY) -> None:
        self._limit = limit
        self._regions: dict[tuple[str, str], _Region] = {}

    def admit(self, key: FunctionKey) -> ThrottleReason | None:
        """Take one unit for the function and return ``None``, or say why there is none."""
        region = self._region(key)
        units = region.units.get(key, 0)
        reserved = region.reserved.get(key)
        if reserved is not None:
            if units >= reserved:
                return region.throttle(key, ThrottleReason.FUNCTION)
        elif region.shared_units >= self._limit - region.reserved_total:
            return region.throttle(key, ThrottleReason.ACCOUNT)
        else:
            region.shared_units += 1
        region.units[key] = units + 1
        return None

    def give_back(self, key: FunctionKey) -> None:
        """Give one unit back; raises ``ValueError`` when none is out, which is a caller's mistake."""
        region = self._region(key)
        units = region.units.get(key, 0)
        if units == 0:
            raise ValueError(f"no unit of {key} is out")
        if key not in region.reserved:
            region.shared_units -= 1
        if units == 1:
            del region.units[key]
        else:
            region.units[key] = units - 1

    def reserve(self, key: FunctionKey, reserved: int | None) -> None:
        """Set a function's reserved concurrency; 0 throttles every call, ``None`` takes the reservation away."""
        region = self._region(key)
        before = region.reserved.pop(key, None)
        region.reserved_total += (reserved or 0) - (before or 0)
        if reserved is not None:
            region.reserved[key] = reserved
        if (before is None) != (reserved is None):
            units = region.units.get(key, 0)
            region.shared_units += units if reserved is None else -units

    def forget(self, key: FunctionKey) -> None:
        """The function is gone: it reserves nothing, and what it was refused is of no interest. Units that are out stay counted."""
        self.reserve(key, None)
        self._region(key).throttles.pop(key, None)

    def units(self, key: FunctionKey) -> int:
        """How many units of the function are out."""
        region = self._regions.get(key[:2])
        return region.units.get(key, 0) if region else 0

    def tells_of(self, key: FunctionKey) -> bool:
        """Whether units of the function are out, or a limit refused it; costs next to nothing."""
        region = self._regions.get(key[:2])
        return region is not None and (key in region.units or key in region.throttles)

    def explain(self, key: FunctionKey) -> dict[str, object]:
        """One function: its units, the ``limit`` that it draws on, and how often a limit refused it, by reason.

        ``reserved`` is ``None`` for a function that shares the limit with all that have no reservation; ``in_use`` counts
        what is out of the limit, be it by this function or by those.
        """
        region = self._regions.get(key[:2]) or _Region()
        units, reserved = self.units(key), region.reserved.get(key)
        shared_limit = self._limit - region.reserved_total
        return {
            "units": units,
            "reserved": reserved,
            "limit": shared_limit if reserved is None else reserved,
            "in_use": region.shared_units if reserved is None else units,
            "throttles": {str(reason): times for reason, times in region.throttles.get(key, {}).items()},
        }

    def describe(self) -> dict[str, object]:
        """Per ``account/region``: limit, units of the shared pool, reservations, and units by function name."""
        return {
            "/".join(place): {
                "limit": self._limit,
                "shared_limit": self._limit - region.reserved_total,
                "shared_units": region.shared_units,
                "reserved": {key[2]: amount for key, amount in region.reserved.items()},
                "units": {key[2]: amount for key, amount in region.units.items()},
            }
            for place, region in self._regions.items()
        }

    def check(self) -> None:
        """Raise ``AssertionError`` when the counts contradict each other."""
        for place, region in self._regions.items():
            shared = sum(amount for key, amount in region.units.items() if key not in region.reserved)
            if region.shared_units != shared:
                raise AssertionError(f"{place}: {region.shared_units} shared units counted, {shared} are out")
            if region.reserved_total != sum(region.reserved.values()):
                raise AssertionError(f"{place}: the reservations do not add up to {region.reserved_total}")
            if any(amount <= 0 for amount in region.units.values()):
                raise AssertionError(f"{place}: a function without units is still listed")

    def _region(self, key: FunctionKey) -> _Region:
        place = key[:2]
        region = self._regions.get(place)
        if region is None:
            region = self._regions[place] = _Region()
        return region

"""A row for each function of an account: what it has, does, and has done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from raylambda.model.function import FunctionKey
from raylambda.scheduling.tally import Counts

ROWS: Final = 10_000
"""An answer has so many rows at most: the busiest."""


def overview(
    keys: Iterable[FunctionKey],
    hosts: Iterable[Mapping[str, Any]],
    units: Callable[[FunctionKey], int],
    counts: Callable[[FunctionKey], Counts],
    events: Mapping[FunctionKey, tuple[int, float]],
) -> list[dict[str, Any]]:
    """The busiest first. ``hosts`` are the fleet's, as ``fleet.explain`` describes them; ``units`` run or wait for a place."""
    environments: Counter[FunctionKey] = Counter()
    running: Counter[FunctionKey] = Counter()
    for host in hosts:
        for one in host["environments"]:
            key = (one["account"], one["region"], one["function"])
            environments[key] += 1
            running[key] += one["state"] == "leased"
    rows = []
    for key in {*keys, *environments}:
        counted = counts(key)
        rows.append(
            {
                "function": key[2],
                "region": key[1],
                "environments": environments[key],
                "running": running[key],
                "waiting": max(0, units(key) - running[key]),
                "invocations": counted.invocations,
                "errors": counted.errors,
                "cold_starts": counted.cold_starts,
                "events": events.get(key, (0, 0.0))[0],
            }
        )
    return sorted(rows, key=_busiest_first)[:ROWS]


def _busiest_first(row: Mapping[str, Any]) -> tuple[Any, ...]:
    busy = (row["running"] + row["waiting"], row["environments"], row["events"], row["invocations"])
    return (*(-amount for amount in busy), row["function"], row["region"])


def functions_in_regions(keys: Iterable[FunctionKey]) -> dict[str, int]:
    """How many functions there are, by region."""
    return dict(sorted(Counter(region for _, region, _ in keys).items()))

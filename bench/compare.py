"""Two checkouts side by side, in one interleaved run: `make compare BASE=<folder>` says what a change costs.

``BASE`` is a checkout of the commit before (`git worktree add`), with its own ``make setup`` done. Both platforms run at the
same time; warm calls, cold starts and starts alternate between them, first the one and then the other, so that what else the
machine does meets both alike. A figure is ``after / before``.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.table import Table

from bench import memory
from bench.lean_client import LeanClient
from bench.table import COLD_SAMPLES, IDLE_ENVIRONMENTS, PAYLOAD, ROUNDS, WARM_UP_CALLS, call_many, deploy
from raylambda.testing.platform import Platform, running_platform

STARTS = 4
CALLS_PER_ROUND = 50
ROUNDS_OF_CALLS = 12 * ROUNDS

console = Console(width=100)


class Side:
    """One checkout's platform, a client of it, and what was measured there."""

    def __init__(self, platform: Platform, lean: LeanClient) -> None:
        self.platform = platform
        self.lean = lean
        self.client: Any = boto3.client("lambda", **platform.boto3_arguments())

    def warm(self, _round: int) -> list[float]:
        """Milliseconds of warm calls."""
        request = self.lean.prepare("bench-warm", PAYLOAD)
        return [1000 * self.lean.send(request)[1] for _ in range(CALLS_PER_ROUND)]

    def cold(self, number: int) -> list[float]:
        """Milliseconds of the first call of a fresh function."""
        name = f"bench-cold-{number}"
        deploy(self.client, name)
        took = 1000 * self.lean.send(self.lean.prepare(name, PAYLOAD))[1]
        self.client.delete_function(FunctionName=name)
        return [took]

    def idle_mb(self) -> float:
        """PSS of a jail with an idle Python runtime, the mean of several."""
        before = set(memory.jails(self.platform.process.pid))
        for number in range(IDLE_ENVIRONMENTS):
            deploy(self.client, f"bench-idle-{number}")
            self.lean.send(self.lean.prepare(f"bench-idle-{number}", PAYLOAD))
        fresh = set(memory.jails(self.platform.process.pid)) - before
        return memory.pss_mb([pid for jail in fresh for pid in (jail, *memory.descendants(jail))]) / max(1, len(fresh))

    def own_mb(self) -> float:
        """PSS of the front door's process and the hosts."""
        return memory.pss_mb([self.platform.process.pid, *memory.hosts(self.platform.process.pid)])


def main(base: Path) -> None:
    """Measure and print the table."""
    programs = (base / ".venv" / "bin" / "raylambda", Path(sys.executable).parent / "raylambda")
    table = Table(title=f"after against before ({base})")
    for column in ("what", "before", "after", "after / before"):
        table.add_column(column)

    def row(what: str, unit: str, before: float, after: float) -> None:
        table.add_row(what, f"{before:.2f} {unit}", f"{after:.2f} {unit}", f"{after / before:.3f}")

    console.print("starts ...")
    row("up to healthy, median", "s", *map(statistics.median, alternated(STARTS, *map(starting, programs))))
    with ExitStack() as stack:
        sides = [side(stack, program) for program in programs]
        for one in sides:
            deploy(one.client, "bench-warm")
            call_many(one.lean, WARM_UP_CALLS // 2)
        console.print("warm calls ...")
        warm = alternated(ROUNDS_OF_CALLS, sides[0].warm, sides[1].warm)
        row("warm call, p50", "ms", *map(statistics.median, warm))
        row("warm call, p90", "ms", *(sorted(values)[int(0.9 * len(values))] for values in warm))
        console.print("cold starts ...")
        row("cold start, p50", "ms", *map(statistics.median, alternated(COLD_SAMPLES, sides[0].cold, sides[1].cold)))
        row("idle environment", "MB", *(one.idle_mb() for one in sides))
        row("front door and hosts", "MB", *(one.own_mb() for one in sides))
    console.print(table)


def side(stack: ExitStack, program: Path) -> Side:
    platform = stack.enter_context(running_platform(program=program))
    return Side(platform, stack.enter_context(LeanClient(platform)))


def starting(program: Path) -> Callable[[int], list[float]]:
    """Seconds from the command to healthy."""

    def start(_number: int) -> list[float]:
        with running_platform(program=program) as platform:
            return [platform.started_in_s]

    return start


def alternated(
    rounds: int, before: Callable[[int], list[float]], after: Callable[[int], list[float]]
) -> tuple[list[float], list[float]]:
    """What both give, round by round; who goes first changes with every round."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = [(found[0], before), (found[1], after)]
        for values, measure in order if number % 2 == 0 else order[::-1]:
            values.extend(measure(number))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())

"""How long the command line takes to start, against a bare interpreter: `python -m bench.command_line`; at most 4 times."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = int(os.environ.get("RAYLAMBDA_BENCH_ROUNDS", "10"))
RAYLAMBDA = str(Path(sys.executable).parent / "raylambda")
BARE = [sys.executable, "-c", "pass"]
STARTS = {text: [RAYLAMBDA, *text.split()] for text in ("--version", "list -h", "__complete in")}


def main() -> None:
    """Print a line per start; bare interpreter and command lines alternate."""
    bare: list[float] = []
    ours: dict[str, list[float]] = {text: [] for text in STARTS}
    for _ in range(ROUNDS):
        bare.append(seconds(BARE))
        for text, command in STARTS.items():
            ours[text].append(seconds(command))
    floor = statistics.median(bare)
    for text, times in ours.items():
        own = statistics.median(times)
        print(f"raylambda {text}: {own * 1000:.0f} ms, bare interpreter {floor * 1000:.0f} ms, ratio {own / floor:.2f}")


def seconds(command: list[str]) -> float:
    """How long a command takes, from its start to its end."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

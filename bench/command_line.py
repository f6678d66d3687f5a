"""How long the command line takes to start, against a bare interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = int(os.environ.get("RAYLAMBDA_BENCH_ROUNDS", "10"))
RAYLAMBDA = str(Path(sys.executable).parent / "raylambda")
BARE = [sys.executable, "-c", "pass"]
STARTS = {text: [RAYLAMBDA, *text.split()] for text in ("--version", "list -h", "__complete in")}


def measure() -> tuple[list[float], dict[str, list[float]]]:
    """Seconds of a bare interpreter, and of each command line; they alternate."""
    bare: list[float] = []
    ours: dict[str, list[float]] = {text: [] for text in STARTS}
    for _ in range(ROUNDS):
        bare.append(seconds(BARE))
        for text, command in STARTS.items():
            ours[text].append(seconds(command))
    return bare, ours


def seconds(command: list[str]) -> float:
    """How long a command takes, from its start to its end."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began

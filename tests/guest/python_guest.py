"""Running Python functions under the shipped runtime and under AWS's own client, without a jail."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from raylambda.node.runtimes.interpreters import PYTHON_MINORS, Interpreter, SearchPlaces, find_python
from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE
from tests.guest.scripted_host import Event, Outcome, lambda_env, run_runtime

FUNCTIONS = Path(__file__).parent / "functions_python.py"
PLACES = SearchPlaces.of_this_node(os.environ)
PYTHONS = [found for minor in PYTHON_MINORS if (found := find_python((3, minor), PLACES)) is not None]
OWN = next(python for python in PYTHONS if python.version[:2] == sys.version_info[:2])

_START = "import sys; sys.path.insert(0, sys.argv.pop()); import python_runtime; python_runtime.main()"
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def name_of(python: Interpreter) -> str:
    return "python{}.{}".format(*python.version)


def run_shipped(
    handler: str, task_root: Path, events: Sequence[Event] = (), python: Interpreter = OWN, **env: str
) -> Outcome:
    """As process 1 starts it: isolated, and imported from a folder that is not on the search path afterwards."""
    runtime = env.pop("runtime", name_of(python))
    argv = [str(python.executable), "-I", "-S", "-c", _START, str(BOOTSTRAP_SOURCE)]
    return run_runtime(argv, lambda_env(handler, task_root, runtime, **env), events, cwd=task_root)


def run_awslambdaric(handler: str, task_root: Path, events: Sequence[Event] = (), **env: str) -> Outcome:
    runtime = env.pop("runtime", name_of(OWN))
    argv = [sys.executable, "-m", "awslambdaric", handler]
    return run_runtime(argv, lambda_env(handler, task_root, runtime, **env), events, cwd=task_root)


def comparable_log(text: str) -> str:
    """Without times, and with line ends where AWS's client writes carriage returns to an unframed log."""
    return _STAMP.sub("TIME", text).replace("\r", "\n").replace("\n\n", "\n")

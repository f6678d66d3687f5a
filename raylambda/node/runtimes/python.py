"""Python: the shipped loop ``bootstrap/python_runtime.py``, forked from process 1 where the function cannot tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from raylambda.node.runtimes.interpreters import PYTHON_MINORS, Interpreter, SearchPlaces, ask_python, find_python
from raylambda.node.runtimes.plan import (
    EXEC_WRAPPER,
    RUNTIME_TARGET,
    Compilation,
    Places,
    PlanRequest,
    RuntimePlan,
    common_env,
    mounts_of,
    reserved_env,
    wrapped,
)
from raylambda.node.runtimes.python_packages import package_tree
from raylambda.node.sandbox.contract import Mount

RUNTIMES: Final = tuple(f"python3.{minor}" for minor in PYTHON_MINORS)
NAMES: Final = re.compile(r"python3\.\d+")

_OLDEST: Final = (3, 8)
_EXEC_ONLY: Final = re.compile(r"LD_\w+|MALLOC_\w+|GLIBC_TUNABLES|PYTHON(?!PATH$)\w+|" + EXEC_WRAPPER)


def find_interpreter(runtime: str, mapped: Path | None, places: SearchPlaces) -> Interpreter | None:
    """A Python of this minor version; of a mapped one any version that the shipped loop runs on."""
    if mapped is None:
        return find_python((3, int(runtime.partition(".")[2])), places)
    found = ask_python(mapped)
    return found if found is not None and found.version >= _OLDEST else None


def plan(request: PlanRequest) -> RuntimePlan:
    """Process 1 runs on the function's own Python, so that it can fork into the runtime process."""
    python, version = request.interpreter, request.version
    packages = package_tree(request.packages, python)
    places = Places.of(request, python.prefix, packages)
    program = places.program(python)
    command = (program, "-S", f"{places.bootstrap}/python_runtime.py")
    compiler = (program, "-I", "-S", f"{places.bootstrap}/python_compiler.py", places.task)
    mounts = mounts_of(python, python)
    return RuntimePlan(
        mounts=(*mounts, Mount(packages, RUNTIME_TARGET)) if packages else mounts,
        init_interpreter=str(python.executable),
        argv=wrapped(command, version.environment),
        forked=not _needs_exec(version.environment, request.code_tree),
        env={**common_env(places), "PYTHONPATH": places.runtime, "LC_CTYPE": "C.UTF-8"},
        reserved={**reserved_env(places, version.runtime), **_with_ray_packages(request, places.runtime)},
        cwd=places.task,
        compilation=Compilation(python.byte_code, compiler) if python.byte_code else None,
    )


def _with_ray_packages(request: PlanRequest, runtime: str) -> dict[str, str]:
    """``PYTHONPATH`` with the packages of Ray's ``runtime_env``, if there are any: what the function names there comes first.

    They go before the runtime's own packages, so that a version of boto3 or six that the options pin is the one that is
    imported; but after them for another Python than Ray's, which may not be able to use what Ray installed.
    """
    if not request.ray_packages:
        return {}
    listed = [entry for entry in request.version.environment.get("PYTHONPATH", runtime).split(":") if entry]
    is_rays_python = request.version.runtime == f"python{sys.version_info.major}.{sys.version_info.minor}"
    at = listed.index(runtime) if is_rays_python and runtime in listed else len(listed)
    return {"PYTHONPATH": ":".join((*listed[:at], *request.ray_packages, *listed[at:]))}


def _needs_exec(environment: Mapping[str, str], code_tree: Path) -> bool:
    """Whether a fork would differ from a fresh process: variables and libraries that only the dynamic linker or the
    interpreter's own start look at.
    """
    if any(_EXEC_ONLY.fullmatch(name) for name in environment):
        return True
    return any(next(code_tree.glob(pattern), None) is not None for pattern in ("lib*.so*", "lib/*.so*"))

"""The function's own runtime (``provided*``: its ``bootstrap``), and every other name that the operator maps to an executable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from raylambda.node.runtimes.interpreters import Interpreter, SearchPlaces, base_interpreter
from raylambda.node.runtimes.plan import (
    Places,
    PlanRequest,
    RuntimePlan,
    RuntimeUnavailable,
    common_env,
    mapped_to_nothing,
    mounts_of,
    reserved_env,
)
from raylambda.node.sandbox.contract import Mount

RUNTIMES: Final = ("provided", "provided.al2", "provided.al2023")
NAMES: Final = re.compile(".*", re.DOTALL)

_SYSTEM_FOLDERS: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib64")


def find_interpreter(runtime: str, mapped: Path | None, places: SearchPlaces) -> Interpreter | None:
    """Process 1 alone needs one, and the host's own Python serves it."""
    return base_interpreter() if mapped is not None or runtime in RUNTIMES else None


def plan(request: PlanRequest) -> RuntimePlan:
    """The executable is the whole command: AWS too starts it without arguments and without a wrapper."""
    host, mapped, runtime = request.interpreter, request.mapped, request.version.runtime
    places = Places.of(request, host.prefix)
    if mapped is not None and not _is_executable(mapped):
        raise mapped_to_nothing(runtime, mapped)
    return RuntimePlan(
        mounts=(*mounts_of(host, None), *(_installation(mapped) if mapped else ())),
        init_interpreter=str(host.executable),
        argv=(str(mapped) if mapped else _bootstrap(request.code_tree, places),),
        forked=False,
        env=common_env(places),
        reserved=reserved_env(places, None if runtime in RUNTIMES else runtime),
        cwd=places.task,
    )


def _bootstrap(code_tree: Path, places: Places) -> str:
    """The function's own runtime, as AWS looks it up (lambda-reference.md 8); raises ``RuntimeUnavailable``."""
    bootstrap = f"{places.task}/bootstrap"
    if not (code_tree / "bootstrap").is_file():
        text = f"Couldn't find valid bootstrap(s): [{bootstrap} {places.opt}/bootstrap]"
        raise RuntimeUnavailable("Runtime.InvalidEntrypoint", text)
    if not _is_executable(code_tree / "bootstrap"):
        raise RuntimeUnavailable("Runtime.InvalidEntrypoint", f"fork/exec {bootstrap}: permission denied")
    return bootstrap


def _installation(executable: Path) -> tuple[Mount, ...]:
    """What to mount for an executable of the operator's: the installation around its ``bin``, or its folder.

    Every jail has the system's own folders, and a mount of ``/`` would give away the node.
    """
    folder = executable.parent.parent if executable.parent.name == "bin" else executable.parent
    if folder == Path("/") or any(executable.is_relative_to(system) for system in _SYSTEM_FOLDERS):
        return ()
    return (Mount(folder, str(folder)),)


def _is_executable(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & 0o111)

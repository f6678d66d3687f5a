"""The plan of a start: everything that differs from runtime to runtime, and what the plans of all languages share.

A plan says what the jail mounts, which Python is process 1, the command, and the environment variables of lambda-reference.md 12
that belong to the runtime. It decides nothing about the life of an environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from raylambda.model.function import FunctionVersion
from raylambda.node.runtimes.interpreters import ByteCode, Interpreter
from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE, BOOTSTRAP_TARGET, OPT_ROOT, TASK_ROOT, Mount

LANGUAGE_TARGET: Final = "/var/lang"
RUNTIME_TARGET: Final = "/var/runtime"

EXEC_WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"


class RuntimeUnavailable(Exception):
    """The version cannot be started on this node; ``error_type`` is what the caller of the function reads."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message


def mapped_to_nothing(runtime: str, mapped: Path) -> RuntimeUnavailable:
    """The operator's mapping of ``runtime`` leads to no program that runs here."""
    text = f"RAYLAMBDA_RUNTIMES maps {runtime} to {mapped}, which does not run on this node."
    return RuntimeUnavailable("Runtime.Unavailable", text)


class View(StrEnum):
    """What a guest sees of the file system: AWS's places (``JAIL``), or the node's own (``PLAIN``, process isolation)."""

    JAIL = "jail"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a language is asked to plan. ``interpreter`` is what its ``find_interpreter`` found; ``mapped`` is the operator's path
    for the runtime, if there is one; ``packages`` has one tree per Python (``python_packages.py``). ``ray_packages`` are the folders
    that Ray's installers made for this host, as the guest sees them: they are mounted for every language, found by one that looks.
    """

    version: FunctionVersion
    code_tree: Path
    view: View
    interpreter: Interpreter
    mapped: Path | None
    packages: Path
    ray_packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compilation:
    """How the Python of a code tree is compiled to ``byte_code``: ``argv``, as the guest sees it, writes it to its stdout
    (``python_bytecode.py``). It needs the mounts of its plan.
    """

    byte_code: ByteCode
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuntimePlan:
    """How to start one version. ``argv``, ``cwd`` and ``env`` are as the guest sees them, the rest as the node does.

    ``env`` may be overridden by the function's own variables, except for the names in ``reserved``, which win:
    ``{**plan.env, **function, **plan.reserved, **platform}``. With ``forked`` the runtime process is a fork of process 1, and
    ``argv`` is what it would be executed as. ``compilation`` is there for languages that gain by it.
    """

    mounts: tuple[Mount, ...]
    init_interpreter: str
    argv: tuple[str, ...]
    forked: bool
    env: Mapping[str, str]
    reserved: Mapping[str, str] = field(default_factory=dict)
    cwd: str = TASK_ROOT
    compilation: Compilation | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """The same five places in either view."""

    task: str
    opt: str
    runtime: str
    language: str
    bootstrap: str

    @classmethod
    def of(cls, request: PlanRequest, language: Path, packages: Path | None = None) -> Places:
        """``language`` is the prefix of the interpreter, ``packages`` what is mounted at ``/var/runtime``; both as on the node."""
        if request.view is View.JAIL:
            return cls(TASK_ROOT, OPT_ROOT, RUNTIME_TARGET, LANGUAGE_TARGET, BOOTSTRAP_TARGET)
        runtime = str(packages or RUNTIME_TARGET)
        return cls(str(request.code_tree), OPT_ROOT, runtime, str(language), str(BOOTSTRAP_SOURCE))

    def program(self, interpreter: Interpreter) -> str:
        """The language's interpreter as the guest starts it. It looks for its library from there, so all its paths begin so."""
        if not interpreter.executable.is_relative_to(interpreter.prefix):
            return str(interpreter.executable)
        return f"{self.language}/{interpreter.executable.relative_to(interpreter.prefix)}"


def mounts_of(init: Interpreter, language: Interpreter | None) -> tuple[Mount, ...]:
    """The bootstrap, the language's prefix at AWS's place, and both at their own, because shared libraries may be looked for there.

    Process 1 is seen in the first mount that has it: at AWS's place, when it is of the language itself.
    """
    prefixes = dict.fromkeys(found.prefix for found in (init, language) if found is not None)
    own = tuple(Mount(prefix, str(prefix)) for prefix in prefixes)
    as_on_aws = (Mount(language.prefix, LANGUAGE_TARGET),) if language is not None else ()
    ordered = (*as_on_aws, *own) if init == language else (*own, *as_on_aws)
    return (*ordered, Mount(BOOTSTRAP_SOURCE, BOOTSTRAP_TARGET))


def wrapped(command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command below the function's wrapper script; the shell is AWS's too, and gives status 127 for a missing file."""
    wrapper = environment.get(EXEC_WRAPPER)
    return ("/bin/sh", "-c", 'exec "$0" "$@"', wrapper, *command) if wrapper else command


def common_env(places: Places) -> dict[str, str]:
    """The variables that every runtime has and that a function may override."""
    libraries = (
        f"{places.language}/lib",
        "/lib64",
        "/usr/lib64",
        places.runtime,
        f"{places.runtime}/lib",
        places.task,
        f"{places.task}/lib",
        f"{places.opt}/lib",
    )
    return {
        "PATH": f"{places.language}/bin:/usr/local/bin:/usr/bin/:/bin:{places.opt}/bin",
        "LD_LIBRARY_PATH": ":".join(libraries),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
    }


def reserved_env(places: Places, managed: str | None) -> dict[str, str]:
    """The variables that a function cannot override; ``managed`` names the runtime where AWS maintains it."""
    env = {"LAMBDA_TASK_ROOT": places.task, "LAMBDA_RUNTIME_DIR": places.runtime}
    if managed is None:
        return env
    return {**env, "AWS_EXECUTION_ENV": f"AWS_Lambda_{managed}", "PWD": places.task, "SHLVL": "0"}

"""The catalog of runtimes: what a node can run, and how a function version is started there.

A *plan* is everything that differs from runtime to runtime: what the jail mounts, which Python is process 1, the
command, and the environment variables of lambda-reference.md 12 that belong to the runtime. It holds no decision about
the life of an environment.

Runtimes by name:

* ``python3.8`` to ``python3.14``: the shipped loop ``bootstrap/python_runtime.py``, forked from process 1 where that is
  the same to the function, and executed where it is not (see ``_needs_exec``);
* ``nodejs20.x``, ``22.x``, ``24.x``: the shipped client ``bootstrap/nodejs/index.mjs``;
* ``provided``, ``provided.al2``, ``provided.al2023``: the function's own ``bootstrap``;
* any other name that the operator maps to an executable: that executable is the runtime.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from raylambda.model.function import FunctionVersion
from raylambda.node.runtimes.interpreters import (
    PYTHON_MINORS,
    Interpreter,
    SearchPlaces,
    ask_node,
    ask_python,
    base_interpreter,
    find_node,
    find_python,
)
from raylambda.node.runtimes.python_packages import default_root, package_tree
from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE, BOOTSTRAP_TARGET, Mount

PYTHON_RUNTIMES = tuple(f"python3.{minor}" for minor in PYTHON_MINORS)
NODE_RUNTIMES = ("nodejs20.x", "nodejs22.x", "nodejs24.x")
PROVIDED_RUNTIMES = ("provided", "provided.al2", "provided.al2023")

LANGUAGE_TARGET = "/var/lang"
RUNTIME_TARGET = "/var/runtime"
TASK_ROOT = "/var/task"
OPT_ROOT = "/opt"

EXEC_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_EXEC_ONLY = re.compile(r"LD_\w+|MALLOC_\w+|GLIBC_TUNABLES|PYTHON(?!PATH$)\w+|" + EXEC_WRAPPER)
_LANGUAGE = re.compile(r"python3\.(?P<python>\d+)|nodejs(?P<node>\d+)\.x")
_OLDEST_PYTHON = (3, 8)
_SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib64")


class RuntimeUnavailable(Exception):
    """The version cannot be started on this node; ``error_type`` is what the caller of the function reads."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message


class View(StrEnum):
    """What a guest sees of the file system: AWS's places (``JAIL``), or the node's own (``PLAIN``, process isolation)."""

    JAIL = "jail"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class RuntimePlan:
    """How to start one version. ``argv``, ``cwd`` and ``env`` are as the guest sees them, the rest as the node does.

    ``env`` may be overridden by the function's own variables, except for the names in ``reserved``, which win:
    ``{**plan.env, **function, **plan.reserved, **platform}``.
    """

    mounts: tuple[Mount, ...]
    init_interpreter: str
    argv: tuple[str, ...]
    fork_bootstrap: bool
    env: Mapping[str, str]
    reserved: Mapping[str, str] = field(default_factory=dict)
    cwd: str = TASK_ROOT


@dataclass(frozen=True, slots=True)
class _Places:
    """The same five places in either view."""

    task: str
    opt: str
    runtime: str
    language: str
    bootstrap: str

    @classmethod
    def of(cls, view: View, code_tree: Path, language: Path, packages: Path | None) -> _Places:
        if view is View.JAIL:
            return cls(TASK_ROOT, OPT_ROOT, RUNTIME_TARGET, LANGUAGE_TARGET, BOOTSTRAP_TARGET)
        runtime = str(packages or RUNTIME_TARGET)
        return cls(str(code_tree), OPT_ROOT, runtime, str(language), str(BOOTSTRAP_SOURCE))


class Catalog:
    """What this node can run. Interpreters are looked for on first use and remembered once found.

    ``overrides`` maps runtime names to paths (``RAYLAMBDA_RUNTIMES``): for ``python*`` and ``nodejs*`` the interpreter to
    use, for any other name the executable that is the runtime. ``packages`` is the folder that holds one tree per
    Python (``<packages>/python3.11/boto3/...``), made by ``runtime.python_packages``.
    """

    def __init__(
        self,
        overrides: Mapping[str, str],
        places: SearchPlaces | None = None,
        packages: Path | None = None,
    ) -> None:
        self._overrides = dict(overrides)
        self._places = places or SearchPlaces.of_this_node(os.environ)
        self._packages = packages or default_root()
        self._found: dict[str, Interpreter] = {}

    def available(self) -> tuple[str, ...]:
        """The names that ``plan`` takes on this node; the first call runs every interpreter once (some 20 ms each)."""
        known = (*PYTHON_RUNTIMES, *NODE_RUNTIMES, *PROVIDED_RUNTIMES)
        names = (*known, *(name for name in self._overrides if name not in known))
        return tuple(name for name in names if _LANGUAGE.fullmatch(name) is None or self.interpreter(name))

    def interpreter(self, runtime: str) -> Interpreter | None:
        """The interpreter of a ``python*`` or ``nodejs*`` runtime; ``None`` when this node has none."""
        found = self._found.get(runtime) or self._look_for(runtime)
        if found is not None:
            self._found[runtime] = found
        return found

    def plan(self, version: FunctionVersion, code_tree: Path, view: View = View.JAIL) -> RuntimePlan:
        """How to start ``version``; raises ``RuntimeUnavailable``."""
        language = _LANGUAGE.fullmatch(version.runtime)
        if language is None:
            return self._plan_executable(version, code_tree, view)
        interpreter = self.interpreter(version.runtime)
        if interpreter is None:
            raise self._absent(version.runtime)
        if language["python"]:
            return self._plan_python(version, code_tree, view, interpreter)
        return _plan_node(version, code_tree, view, interpreter)

    def _look_for(self, runtime: str) -> Interpreter | None:
        language = _LANGUAGE.fullmatch(runtime)
        if language is None:
            return None
        mapped = self._overrides.get(runtime)
        if language["node"]:
            return ask_node(Path(mapped)) if mapped else find_node(int(language["node"]), self._places)
        if mapped is None:
            return find_python((3, int(language["python"])), self._places)
        found = ask_python(Path(mapped))
        return found if found is not None and found.version >= _OLDEST_PYTHON else None

    def _absent(self, runtime: str) -> RuntimeUnavailable:
        if runtime in self._overrides:
            text = f"RAYLAMBDA_RUNTIMES maps {runtime} to {self._overrides[runtime]}, which does not run on this node."
        else:
            text = (
                f"This node has nothing to run {runtime} with. Install it (on PATH or under pyenv), or map the name "
                f"with RAYLAMBDA_RUNTIMES. Available here: {', '.join(self.available())}."
            )
        return RuntimeUnavailable("Runtime.Unavailable", text)

    def _plan_python(self, version: FunctionVersion, code_tree: Path, view: View, python: Interpreter) -> RuntimePlan:
        packages = package_tree(self._packages, python)
        places = _Places.of(view, code_tree, python.prefix, packages)
        command = (str(python.executable), "-S", f"{places.bootstrap}/python_runtime.py")
        mounts = _mounts(python, python)
        return RuntimePlan(
            mounts=(*mounts, Mount(packages, RUNTIME_TARGET)) if packages else mounts,
            init_interpreter=str(python.executable),
            argv=_wrapped(command, version.environment),
            fork_bootstrap=not _needs_exec(version.environment, code_tree),
            env={**_common_env(places), "PYTHONPATH": places.runtime, "LC_CTYPE": "C.UTF-8"},
            reserved=_reserved_env(places, version.runtime),
            cwd=places.task,
        )

    def _plan_executable(self, version: FunctionVersion, code_tree: Path, view: View) -> RuntimePlan:
        mapped = self._overrides.get(version.runtime)
        provided = version.runtime in PROVIDED_RUNTIMES
        if mapped is None and not provided:
            raise self._absent(version.runtime)
        host = base_interpreter()
        places = _Places.of(view, code_tree, host.prefix, None)
        own = _installation(Path(mapped)) if mapped else ()
        if mapped and not _is_executable(Path(mapped)):
            raise self._absent(version.runtime)
        return RuntimePlan(
            mounts=(*_mounts(host, None), *own),
            init_interpreter=str(host.executable),
            argv=(mapped or _provided_bootstrap(code_tree, places),),
            fork_bootstrap=False,
            env=_common_env(places),
            reserved=_reserved_env(places, None if provided else version.runtime),
            cwd=places.task,
        )


def _plan_node(version: FunctionVersion, code_tree: Path, view: View, node: Interpreter) -> RuntimePlan:
    host = base_interpreter()
    places = _Places.of(view, code_tree, node.prefix, None)
    command = (str(node.executable), *_node_options(version.memory_mb), f"{places.bootstrap}/nodejs/index.mjs")
    modules = (
        f"{places.opt}/nodejs/node{node.version[0]}/node_modules",
        f"{places.opt}/nodejs/node_modules",
        f"{places.runtime}/node_modules",
        places.runtime,
        places.task,
    )
    return RuntimePlan(
        mounts=_mounts(host, node),
        init_interpreter=str(host.executable),
        argv=_wrapped(command, version.environment),
        fork_bootstrap=False,
        env={**_common_env(places), "NODE_PATH": ":".join(modules)},
        reserved=_reserved_env(places, version.runtime),
        cwd=places.task,
    )


def _node_options(memory_mb: int) -> tuple[str, ...]:
    """Those of AWS's images: the heap ends a little before the memory does, so that V8 and not the kernel complains."""
    return (
        "--expose-gc",
        "--max-http-header-size=81920",
        f"--max-semi-space-size={memory_mb * 5 // 100}",
        f"--max-old-space-size={memory_mb * 90 // 100}",
    )


def _mounts(init: Interpreter, language: Interpreter | None) -> tuple[Mount, ...]:
    """Both prefixes at their own paths, because binaries know them, the language also at AWS's, and the bootstrap."""
    prefixes = dict.fromkeys(found.prefix for found in (init, language) if found is not None)
    own = tuple(Mount(prefix, str(prefix)) for prefix in prefixes)
    as_on_aws = (Mount(language.prefix, LANGUAGE_TARGET),) if language is not None else ()
    return (*own, *as_on_aws, Mount(BOOTSTRAP_SOURCE, BOOTSTRAP_TARGET))


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


def _provided_bootstrap(code_tree: Path, places: _Places) -> str:
    """The function's own runtime, as AWS looks it up (lambda-reference.md 8); raises ``RuntimeUnavailable``."""
    bootstrap = f"{places.task}/bootstrap"
    if not (code_tree / "bootstrap").is_file():
        text = f"Couldn't find valid bootstrap(s): [{bootstrap} {places.opt}/bootstrap]"
        raise RuntimeUnavailable("Runtime.InvalidEntrypoint", text)
    if not _is_executable(code_tree / "bootstrap"):
        raise RuntimeUnavailable("Runtime.InvalidEntrypoint", f"fork/exec {bootstrap}: permission denied")
    return bootstrap


def _wrapped(command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command below the function's wrapper script; the shell is AWS's too, and gives status 127 for a missing file."""
    wrapper = environment.get(EXEC_WRAPPER)
    return ("/bin/sh", "-c", 'exec "$0" "$@"', wrapper, *command) if wrapper else command


def _needs_exec(environment: Mapping[str, str], code_tree: Path) -> bool:
    """Whether a fork would differ from a fresh process: variables and libraries that only the dynamic linker or the
    interpreter's own start look at.
    """
    if any(_EXEC_ONLY.fullmatch(name) for name in environment):
        return True
    return any(next(code_tree.glob(pattern), None) is not None for pattern in ("lib*.so*", "lib/*.so*"))


def _common_env(places: _Places) -> dict[str, str]:
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


def _reserved_env(places: _Places, managed: str | None) -> dict[str, str]:
    """The variables that a function cannot override; ``managed`` names the runtime where AWS maintains it."""
    env = {"LAMBDA_TASK_ROOT": places.task, "LAMBDA_RUNTIME_DIR": places.runtime}
    if managed is None:
        return env
    return {**env, "AWS_EXECUTION_ENV": f"AWS_Lambda_{managed}", "PWD": places.task, "SHLVL": "0"}

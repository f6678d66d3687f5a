"""The catalog of runtimes: which languages a node can run, and what starts a function version there.

A language is a file of this folder with the four things that ``Language`` names, and a line in ``_LANGUAGES``. The first whose
``NAMES`` fits a runtime's name has it, so ``provided``, which takes any name, stands last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from raylambda.model.function import FunctionVersion
from raylambda.node.runtimes import nodejs, provided, python
from raylambda.node.runtimes.interpreters import Interpreter, SearchPlaces
from raylambda.node.runtimes.plan import PlanRequest, RuntimePlan, RuntimeUnavailable, View, mapped_to_nothing
from raylambda.node.runtimes.python_packages import default_root


class Language(Protocol):
    """A family of runtimes. ``RUNTIMES`` are those that are shown to people, ``NAMES`` fits these and what an operator may map."""

    @property
    def RUNTIMES(self) -> tuple[str, ...]: ...  # noqa: N802  # a module's constant

    @property
    def NAMES(self) -> re.Pattern[str]: ...  # noqa: N802  # a module's constant

    def find_interpreter(self, runtime: str, mapped: Path | None, places: SearchPlaces) -> Interpreter | None:
        """What runs ``runtime`` on this node: found in ``places``, or ``mapped`` by the operator; ``None`` when nothing does."""
        ...

    def plan(self, request: PlanRequest) -> RuntimePlan:
        """How to start the version; raises ``RuntimeUnavailable``."""
        ...


_LANGUAGES: Final[tuple[Language, ...]] = (
    python,
    nodejs,
    provided,
)


class Catalog:
    """What this node can run. Interpreters are looked for on first use and remembered once found.

    ``overrides`` maps runtime names to paths (``RAYLAMBDA_RUNTIMES``): for ``python*`` and ``nodejs*`` the interpreter to
    use, for any other name the executable that is the runtime. ``packages`` is the folder that holds one tree per
    Python (``<packages>/python3.11/boto3/...``), made by ``python_packages.py``.
    """

    def __init__(
        self,
        overrides: Mapping[str, str],
        places: SearchPlaces | None = None,
        packages: Path | None = None,
    ) -> None:
        self._mapped = {runtime: Path(path) for runtime, path in overrides.items()}
        self._places = places or SearchPlaces.of_this_node(os.environ)
        self._packages = packages or default_root()
        self._found: dict[str, Interpreter] = {}

    def available(self) -> tuple[str, ...]:
        """The names that ``plan`` takes on this node; the first call runs every interpreter once (some 20 ms each)."""
        names = dict.fromkeys((*(name for language in _LANGUAGES for name in language.RUNTIMES), *self._mapped))
        return tuple(name for name in names if self.interpreter(name) is not None)

    def interpreter(self, runtime: str) -> Interpreter | None:
        """What runs the runtime, or process 1 above it; ``None`` when this node has nothing."""
        if runtime not in self._found:
            found = _language_of(runtime).find_interpreter(runtime, self._mapped.get(runtime), self._places)
            if found is None:
                return None
            self._found[runtime] = found
        return self._found[runtime]

    def plan(
        self, version: FunctionVersion, code_tree: Path, view: View = View.JAIL, ray_packages: tuple[str, ...] = ()
    ) -> RuntimePlan:
        """How to start ``version``, which has all its variables already; raises ``RuntimeUnavailable``."""
        runtime = version.runtime
        interpreter, mapped = self.interpreter(runtime), self._mapped.get(runtime)
        if interpreter is not None:
            request = PlanRequest(version, code_tree, view, interpreter, mapped, self._packages, ray_packages)
            return _language_of(runtime).plan(request)
        if mapped is not None:
            raise mapped_to_nothing(runtime, mapped)
        raise RuntimeUnavailable(
            "Runtime.Unavailable",
            f"This node has nothing to run {runtime} with. Install it (on PATH or under pyenv), or map the name "
            f"with RAYLAMBDA_RUNTIMES. Available here: {', '.join(self.available())}.",
        )


def _language_of(runtime: str) -> Language:
    return next(language for language in _LANGUAGES if language.NAMES.fullmatch(runtime))

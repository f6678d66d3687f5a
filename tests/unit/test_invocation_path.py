"""What runs on the path of an invocation knows neither the control plane nor SQL, by imports of any depth."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

SOURCE = Path(__file__).parents[2] / "raylambda"
ON_THE_PATH = (
    *(f"raylambda.frontdoor.{name}" for name in ("answers", "arrival", "bodies", "calls", "invoke", "routing")),
)
FOLDERS_ON_THE_PATH = ("frontdoor/auth", "frontdoor/refused_json", "scheduling", "fleet", "hosts")
FORBIDDEN = ("raylambda.services", "sqlmodel", "sqlalchemy")


def modules_on_the_path() -> list[str]:
    files = [path for folder in FOLDERS_ON_THE_PATH for path in (SOURCE / folder).rglob("*.py")]
    inside = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in files]
    return [*ON_THE_PATH, *(name.removesuffix(".__init__") for name in inside)]


def with_packages(modules: Iterable[str]) -> set[str]:
    """Importing a module runs the packages that it lies in."""
    return {".".join(name.split(".")[: depth + 1]) for name in modules for depth in range(name.count(".") + 1)}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("raylambda", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("module", modules_on_the_path())
def test_no_chain_of_imports_leads_to_the_control_plane_or_to_sql(imports: grimp.ImportGraph, module: str) -> None:
    reached = with_packages({module, *imports.find_upstream_modules(module)})

    assert [name for name in reached if name.startswith(FORBIDDEN)] == []


def test_what_is_forbidden_is_what_the_control_plane_does_import(imports: grimp.ImportGraph) -> None:
    """So that the test above cannot pass because a name in it is out of date."""
    reached = with_packages(imports.find_upstream_modules("raylambda.frontdoor.control"))

    assert set(FORBIDDEN) <= reached


def test_a_process_that_has_imported_the_path_has_imported_neither() -> None:
    code = f"import importlib, sys\nfor name in {modules_on_the_path()!r}: importlib.import_module(name)\nprint(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)

    modules = loaded.stdout.split()
    assert "raylambda.frontdoor.invoke" in modules
    assert [name for name in modules if name.startswith(FORBIDDEN)] == []

"""Where a language looks for the packages that Ray installed for its host."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from raylambda.node.runtimes.catalog import Catalog
from raylambda.node.runtimes.interpreters import SearchPlaces
from raylambda.node.runtimes.plan import RuntimePlan, View
from tests.unit.node.environment.stage import a_version

RAYS_PYTHON = "python{}.{}".format(*sys.version_info[:2])
ANOTHER_PYTHON = "python3.8"
PACKAGES = "/run/raylambda/packages/0"


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """One that has another Python than Ray's, a program of the operator's, and a tree of boto3 for nobody."""
    mapped = {ANOTHER_PYTHON: sys.executable, "custom": sys.executable}
    return Catalog(mapped, SearchPlaces(""), tmp_path)


def a_plan(
    catalog: Catalog, runtime: str = RAYS_PYTHON, listed: str | None = None, packages: tuple[str, ...] = (PACKAGES,)
) -> RuntimePlan:
    variables = {} if listed is None else {"PYTHONPATH": listed}
    version = a_version(runtime=runtime, environment=variables)
    return catalog.plan(version, Path("/nonexistent"), View.JAIL, packages)


@pytest.mark.parametrize(
    ("listed", "path"),
    [
        (None, f"{PACKAGES}:/var/runtime"),
        ("/var/runtime", f"{PACKAGES}:/var/runtime"),
        ("/opt/mine:/var/runtime", f"/opt/mine:{PACKAGES}:/var/runtime"),
        ("/opt/mine", f"/opt/mine:{PACKAGES}"),
        ("", PACKAGES),
    ],
)
def test_a_pinned_version_comes_before_the_runtimes_own_and_after_what_the_function_brings(
    catalog: Catalog, listed: str | None, path: str
) -> None:
    assert a_plan(catalog, listed=listed).reserved["PYTHONPATH"] == path


def test_another_python_prefers_the_packages_made_for_it(catalog: Catalog) -> None:
    plan = a_plan(catalog, ANOTHER_PYTHON)

    assert plan.reserved["PYTHONPATH"] == f"/var/runtime:{PACKAGES}"


def test_several_folders_keep_their_order(catalog: Catalog) -> None:
    plan = a_plan(catalog, packages=("/first", "/second"))

    assert plan.reserved["PYTHONPATH"] == "/first:/second:/var/runtime"


def test_without_packages_the_function_has_the_last_word(catalog: Catalog) -> None:
    plan = a_plan(catalog, packages=())

    assert plan.env["PYTHONPATH"] == "/var/runtime"
    assert "PYTHONPATH" not in plan.reserved


def test_packages_leave_the_fork(catalog: Catalog) -> None:
    assert a_plan(catalog).forked


def test_another_language_does_not_look_for_them(catalog: Catalog) -> None:
    plan = a_plan(catalog, "custom")

    assert "PYTHONPATH" not in {**plan.env, **plan.reserved}

"""Which folders of the host's search path a function may import from, and where it sees them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from raylambda.node.runtime_env import compile_packages, package_mounts, package_places, runtime_env_packages
from raylambda.node.runtimes.plan import View
from raylambda.node.sandbox.contract import Mount

PIP = "/tmp/ray/session_1/runtime_resources/pip/4f1c/virtualenv/lib/python3.11/site-packages"
UV = "/tmp/ray/session_1/runtime_resources/uv/4f1c/virtualenv/lib/python3.11/site-packages"


def test_only_what_ray_installed_is_taken() -> None:
    path = ["", "/usr/lib/python3.11", "/base/lib/python3.11/site-packages", PIP, UV, f"{PIP}/setuptools/_vendor"]

    assert runtime_env_packages(path) == (Path(PIP), Path(UV))


def test_modules_that_ray_ships_for_the_job_are_not_taken() -> None:
    assert runtime_env_packages(["/tmp/ray/session_1/runtime_resources/py_modules_files/_ray_pkg_1"]) == ()


@pytest.mark.parametrize(("view", "seen"), [(View.JAIL, "/run/raylambda/packages/1"), (View.PLAIN, UV)])
def test_a_guest_finds_a_folder_where_it_is_mounted_or_where_it_is(view: View, seen: str) -> None:
    folders = (Path(PIP), Path(UV))

    assert package_places(folders, view)[1] == seen
    assert package_mounts(folders)[1] == Mount(Path(UV), "/run/raylambda/packages/1")


def test_packages_that_were_installed_without_byte_code_get_it(tmp_path: Path) -> None:
    (tmp_path / "six.py").write_text("x = 1")
    (tmp_path / "bad.py").write_text("def f(:")

    compile_packages([tmp_path])
    compiled = Path(importlib.util.cache_from_source(str(tmp_path / "six.py")))
    first = compiled.stat()
    compile_packages([tmp_path])

    assert first.st_mode & 0o444 == 0o444
    assert compiled.stat().st_mtime_ns == first.st_mtime_ns
    assert [path.name for path in (tmp_path / "__pycache__").iterdir()] == [compiled.name]

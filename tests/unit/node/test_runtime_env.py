"""Which folders of the host's search path a function may import from, and where it sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from raylambda.node.runtime_env import package_mounts, package_places, runtime_env_packages
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

"""Which folders of the host's search path a function may import from."""

from __future__ import annotations

import sys
from pathlib import Path

from raylambda.node.runtime_env import package_mounts, runtime_env_packages, with_packages

PIP = "/tmp/ray/session_1/runtime_resources/pip/4f1c/virtualenv/lib/python3.11/site-packages"
UV = "/tmp/ray/session_1/runtime_resources/uv/4f1c/virtualenv/lib/python3.11/site-packages"


def test_only_what_ray_installed_is_taken() -> None:
    path = ["", "/usr/lib/python3.11", "/base/lib/python3.11/site-packages", PIP, UV, f"{PIP}/setuptools/_vendor"]

    assert runtime_env_packages(path) == (Path(PIP), Path(UV))


def test_modules_that_ray_ships_for_the_job_are_not_taken() -> None:
    assert runtime_env_packages(["/tmp/ray/session_1/runtime_resources/py_modules_files/_ray_pkg_1"]) == ()


RAYS_PYTHON = f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}"
PLACES = [mount.target for mount in package_mounts((Path(PIP),))]


def search_path(listed: str, runtime: str = RAYS_PYTHON) -> str:
    env = {"PYTHONPATH": listed, "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_EXECUTION_ENV": runtime}
    return with_packages(env, PLACES)["PYTHONPATH"]


def test_a_pinned_version_comes_before_the_runtimes_own_and_after_what_the_function_brings() -> None:
    assert search_path("/var/runtime") == "/run/raylambda/packages/0:/var/runtime"
    assert search_path("/opt/mine:/var/runtime") == "/opt/mine:/run/raylambda/packages/0:/var/runtime"
    assert search_path("/opt/mine") == "/opt/mine:/run/raylambda/packages/0"
    assert search_path("") == "/run/raylambda/packages/0"


def test_another_python_prefers_the_packages_made_for_it() -> None:
    assert search_path("/var/runtime", "AWS_Lambda_python3.8") == "/var/runtime:/run/raylambda/packages/0"


def test_without_packages_nothing_changes() -> None:
    assert with_packages({"A": "1"}, []) == {"A": "1"}

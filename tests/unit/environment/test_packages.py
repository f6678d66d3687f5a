"""Which folders of the host's search path a function may import from."""

from __future__ import annotations

from pathlib import Path

from raylambda.environment.packages import mounts, runtime_env_packages, with_packages

PIP = "/tmp/ray/session_1/runtime_resources/pip/4f1c/virtualenv/lib/python3.11/site-packages"
UV = "/tmp/ray/session_1/runtime_resources/uv/4f1c/virtualenv/lib/python3.11/site-packages"


def test_only_what_ray_installed_is_taken() -> None:
    path = ["", "/usr/lib/python3.11", "/base/lib/python3.11/site-packages", PIP, UV, f"{PIP}/setuptools/_vendor"]

    assert runtime_env_packages(path) == (Path(PIP), Path(UV))


def test_modules_that_ray_ships_for_the_job_are_not_taken() -> None:
    assert runtime_env_packages(["/tmp/ray/session_1/runtime_resources/py_modules_files/_ray_pkg_1"]) == ()


def test_packages_come_after_everything_that_the_function_brings() -> None:
    places = [mount.target for mount in mounts((Path(PIP),))]

    assert (
        with_packages({"PYTHONPATH": "/var/runtime"}, places)["PYTHONPATH"] == "/var/runtime:/run/raylambda/packages/0"
    )
    assert with_packages({}, places)["PYTHONPATH"] == "/run/raylambda/packages/0"
    assert with_packages({"A": "1"}, []) == {"A": "1"}

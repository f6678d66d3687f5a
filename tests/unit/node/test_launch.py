"""What a start adds to the plan of its runtime."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from raylambda.model.environment import StartEnvironment
from raylambda.model.ray_options import RayOptions
from raylambda.node.launch import LaunchSettings, guest_spec, runtime_command
from raylambda.node.runtimes.plan import RuntimePlan
from raylambda.node.sandbox.contract import Mount
from tests.builders import a_start, a_version

PACKAGES = (Path("/ray/site-packages"),)
PLAN = RuntimePlan(
    mounts=(Mount(Path("/python"), "/var/lang"),),
    init_interpreter="/python/bin/python",
    argv=("run",),
    forked=True,
    env={"TZ": ":UTC"},
    reserved={"LAMBDA_TASK_ROOT": "/var/task"},
)


def variables(start: StartEnvironment, settings: LaunchSettings) -> dict[str, str]:
    return dict(runtime_command(start, PLAN, settings, "127.0.0.1:9001").env)


def test_the_plan_goes_into_the_jail_and_the_command(tmp_path: Path) -> None:
    start = a_start(version=a_version(memory_mb=512, ephemeral_mb=1024))

    spec = guest_spec(start, tmp_path, PLAN, LaunchSettings())
    command = runtime_command(start, PLAN, LaunchSettings(), "127.0.0.1:9001")

    assert (spec.environment_id, spec.code_tree, spec.memory_mb, spec.ephemeral_mb) == ("e1", tmp_path, 512, 1024)
    assert (spec.init_interpreter, spec.mounts, spec.forked) == ("/python/bin/python", PLAN.mounts, True)
    assert (command.argv, command.cwd, command.forked) == (("run",), "/var/task", True)
    assert command.env["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"


def test_packages_of_the_host_are_mounted_beside_the_plans(tmp_path: Path) -> None:
    spec = guest_spec(a_start(), tmp_path, PLAN, LaunchSettings(packages=PACKAGES))

    assert spec.mounts == (*PLAN.mounts, Mount(PACKAGES[0], "/run/raylambda/packages/0"))


def test_a_function_with_gpus_has_their_device_files_and_numbers(tmp_path: Path) -> None:
    card, folder = tmp_path / "nvidia0", tmp_path / "nvidia-caps"
    _character_device(card)
    folder.mkdir()
    start, settings = a_start(version=a_version(ray_options=RayOptions(num_gpus=2))), LaunchSettings(gpu_ids=("2", "3"))

    spec = guest_spec(start, tmp_path, PLAN, settings, dev=tmp_path)

    assert spec.devices == (str(card),)
    assert variables(start, settings)["CUDA_VISIBLE_DEVICES"] == "2,3"


def test_a_function_without_gpus_has_neither(tmp_path: Path) -> None:
    _character_device(tmp_path / "nvidia0")
    settings = LaunchSettings(gpu_ids=("2",))

    spec = guest_spec(a_start(), tmp_path, PLAN, settings, dev=tmp_path)

    assert not spec.devices
    assert "CUDA_VISIBLE_DEVICES" not in variables(a_start(), settings)


def _character_device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("device files take root")

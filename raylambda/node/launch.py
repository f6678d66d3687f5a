"""From the plan of a runtime to a jail and a command: what each start of an environment adds to the plan (pure).

That is the sizes and variables of the function version, the mounts of packages and the GPUs that Ray gave to this host, and the jail's
address. No language is known here: what one does with the packages is in its plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from raylambda.model.environment import StartEnvironment
from raylambda.node.environment.variables import environment_variables
from raylambda.node.runtime_env import package_mounts
from raylambda.node.runtimes.plan import RuntimePlan, View
from raylambda.node.sandbox.contract import GuestSpec, RuntimeCommand


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """What all launches of one host share. ``function_env`` is the operator's, for every function; ``packages`` are those of the
    host's ``runtime_env``, and ``gpu_ids`` the GPUs that Ray has given to it.
    """

    view: View = View.JAIL
    function_env: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[Path, ...] = ()
    gpu_ids: tuple[str, ...] = ()


def guest_spec(
    start: StartEnvironment, code_tree: Path, plan: RuntimePlan, settings: LaunchSettings, dev: Path = Path("/dev")
) -> GuestSpec:
    """The jail. Only one for a function with GPUs has device files, those of NVIDIA's driver in ``dev``."""
    version = start.version
    return GuestSpec(
        environment_id=start.environment_id,
        code_tree=code_tree,
        memory_mb=version.memory_mb,
        ephemeral_mb=version.ephemeral_mb,
        init_interpreter=plan.init_interpreter,
        forked=plan.forked,
        mounts=(*plan.mounts, *package_mounts(settings.packages)),
        devices=_gpu_devices(dev) if version.ray_options.num_gpus else (),
    )


def runtime_command(
    start: StartEnvironment, plan: RuntimePlan, settings: LaunchSettings, api_address: str
) -> RuntimeCommand:
    """The runtime process. ``CUDA_VISIBLE_DEVICES`` chooses among the node's cards."""
    version = start.version
    env = environment_variables(version, start.log_stream, plan.env, plan.reserved, settings.function_env)
    if version.ray_options.num_gpus:
        env["CUDA_VISIBLE_DEVICES"] = ",".join(settings.gpu_ids)
    env["AWS_LAMBDA_RUNTIME_API"] = api_address
    return RuntimeCommand(plan.argv, env, plan.cwd, plan.forked)


def _gpu_devices(dev: Path) -> tuple[str, ...]:
    """What CUDA opens; looked for at each launch, because the driver makes some of them on first use."""
    return tuple(sorted(str(path) for path in dev.glob("nvidia*") if path.is_char_device()))

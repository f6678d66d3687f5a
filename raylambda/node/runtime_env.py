"""The packages that Ray's ``runtime_env`` installed for this host, so that functions can import them in their jails.

Ray makes a virtual environment below its ``runtime_resources`` folder and starts the host with its interpreter; so the
packages are those of such a folder on the host's own ``sys.path``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from raylambda.node.sandbox.contract import Mount

TARGET: Final = "/run/raylambda/packages"
_RAY_FOLDER: Final = "runtime_resources"
_INSTALLERS: Final = frozenset({"pip", "uv", "conda"})


def runtime_env_packages(search_path: Sequence[str]) -> tuple[Path, ...]:
    """Folders of ``search_path`` that Ray's package installers made, in order."""
    found = []
    for folder in map(Path, search_path):
        _, ray, below = str(folder).partition(f"/{_RAY_FOLDER}/")
        if folder.name == "site-packages" and ray and not _INSTALLERS.isdisjoint(below.split("/")):
            found.append(folder)
    return tuple(found)


def package_mounts(folders: Sequence[Path]) -> tuple[Mount, ...]:
    """Where a jail sees them."""
    return tuple(Mount(folder, f"{TARGET}/{number}") for number, folder in enumerate(folders))


def with_packages(env: Mapping[str, str], places: Sequence[str]) -> dict[str, str]:
    """``env`` with ``places``, as the guest sees them, in ``PYTHONPATH``: what the function names there comes first.

    They go before the runtime's own packages, so that a version of boto3 or six that the options pin is the one that is
    imported; but after them for another Python than Ray's, which may not be able to use what Ray installed.
    """
    if not places:
        return dict(env)
    listed = [entry for entry in env.get("PYTHONPATH", "").split(":") if entry]
    runtime = env.get("LAMBDA_RUNTIME_DIR", "")
    rays_python = f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}"
    first = runtime in listed and env.get("AWS_EXECUTION_ENV") == rays_python
    at = listed.index(runtime) if first else len(listed)
    return {**env, "PYTHONPATH": ":".join((*listed[:at], *places, *listed[at:]))}

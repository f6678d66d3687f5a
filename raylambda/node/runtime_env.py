"""The packages that Ray's ``runtime_env`` installed for this host, so that functions can import them in their jails.

Ray makes a virtual environment below its ``runtime_resources`` folder and starts the host with its interpreter; so the
packages are those of such a folder on the host's own ``sys.path``.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from raylambda.node.runtimes.plan import View
from raylambda.node.sandbox.contract import Mount

TARGET: Final = "/run/raylambda/packages"
_RAY_FOLDER: Final = "runtime_resources"
_COMPILE_S: Final = 120.0
_LOG: Final = logging.getLogger(__name__)
_INSTALLERS: Final = frozenset({"pip", "uv", "conda"})


def runtime_env_packages(search_path: Sequence[str]) -> tuple[Path, ...]:
    """Folders of ``search_path`` that Ray's package installers made, in order."""
    found = []
    for folder in map(Path, search_path):
        _, ray, below = str(folder).partition(f"/{_RAY_FOLDER}/")
        if folder.name == "site-packages" and ray and not _INSTALLERS.isdisjoint(below.split("/")):
            found.append(folder)
    return tuple(found)


def compile_packages(folders: Sequence[Path]) -> None:
    """Write the byte code that an installer may leave out, as uv does: a guest cannot, and would compile at every cold start.

    What is there already is only looked at. Blocks; more than ``_COMPILE_S`` is not spent on it.
    """
    for folder in folders:
        command = [sys.executable, "-I", "-m", "compileall", "-q", "-j", "0", str(folder)]
        nowhere = subprocess.DEVNULL
        try:
            subprocess.run(command, stdout=nowhere, stderr=nowhere, umask=0o022, timeout=_COMPILE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            _LOG.warning("packages of the runtime_env start slower, without byte code: %s", error)


def package_mounts(folders: Sequence[Path]) -> tuple[Mount, ...]:
    """Where a jail sees them."""
    return tuple(Mount(folder, f"{TARGET}/{number}") for number, folder in enumerate(folders))


def package_places(folders: Sequence[Path], view: View) -> tuple[str, ...]:
    """Where a guest with this view sees them; the plan of its language says what is done with that."""
    if view is View.PLAIN:
        return tuple(map(str, folders))
    return tuple(mount.target for mount in package_mounts(folders))

"""The packages that Ray's ``runtime_env`` installed for this host, so that functions can import them in their jails.

Ray makes a virtual environment below its ``runtime_resources`` folder and starts the host with its interpreter; so the
packages are those of such a folder on the host's own ``sys.path``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from raylambda.node.runtimes.plan import View
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


def package_places(folders: Sequence[Path], view: View) -> tuple[str, ...]:
    """Where a guest with this view sees them; the plan of its language says what is done with that."""
    if view is View.PLAIN:
        return tuple(map(str, folders))
    return tuple(mount.target for mount in package_mounts(folders))

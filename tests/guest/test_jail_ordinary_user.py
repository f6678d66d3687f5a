"""The jail's tests once more as an ordinary user, whose jails stand on user namespaces."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.jail, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[2]
NOBODY = 65534
SUITE = ("test_jail_contract.py", "test_jail_escape.py", "test_jail_fork.py", "test_jail_life.py")


def as_nobody(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--"]
    user.append("env")  # setpriv itself still finds programs with root's eyes
    return subprocess.run([*user, *command], capture_output=True, text=True, cwd="/", env=env, check=False)


def unusable(reason: str) -> None:
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def interpreter() -> str:
    """A Python of our own version that an ordinary user may run; ours may lie in root's home."""
    version = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, shutil.which(version, path="/usr/local/bin:/usr/bin")):
        if candidate and as_nobody(candidate, "-c", "import sys; print(sys.prefix)").returncode == 0:
            return candidate
    unusable(f"an ordinary user has no {version} here")
    raise AssertionError


@pytest.mark.skipif(os.geteuid() != 0, reason="the suite runs as an ordinary user already")
def test_the_suite_passes_as_an_ordinary_user() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        copy = Path(folder) / "repository"
        for part in ("raylambda", "tests"):
            shutil.copytree(REPOSITORY / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "tests/__init__.py", "tests/waiting.py"):
            shutil.copy(REPOSITORY / file, copy / file)
        packages = [path for path in site.getsitepackages() if Path(path).is_dir()]
        env = {
            "PATH": os.defpath,
            "HOME": folder,
            "TMPDIR": folder,
            "PYTHONPATH": os.pathsep.join([str(copy), *packages]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        tests = [str(copy / "tests/guest" / name) for name in SUITE]
        python = interpreter()
        if as_nobody(python, "-c", "import anyio, pytest, pytest_timeout, raylambda", env=env).returncode != 0:
            unusable("an ordinary user cannot read the installed packages")

        done = as_nobody(python, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(copy), *tests, env=env)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

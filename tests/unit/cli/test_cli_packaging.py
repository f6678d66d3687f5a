"""Folders become packages: which files, which bytes, which entry point."""

from __future__ import annotations

import io
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from raylambda.cli.packaging import EntryPoint, PackagingError, build_package, guess_entry_point

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "function"
    made.mkdir()
    (made / "app.py").write_text("def handler(event, context): ...\n")
    return made


def packed(folder: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(build_package(folder, PYTHON, folder.parent / "cache")))


@pytest.mark.parametrize(
    ("name", "handler"),
    [
        ("app.py", "app.handler"),
        ("lambda_function.py", "lambda_function.lambda_handler"),
        ("handler.py", "handler.handler"),
        ("main.py", "main.handler"),
    ],
)
def test_python_entry_points_have_this_pythons_runtime(tmp_path: Path, name: str, handler: str) -> None:
    (tmp_path / name).touch()

    assert guess_entry_point(tmp_path) == EntryPoint(PYTHON, handler)


def test_a_bootstrap_is_a_custom_runtime(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").touch()

    assert guess_entry_point(tmp_path) == EntryPoint("provided.al2023", "bootstrap")


@pytest.mark.parametrize(
    ("version", "runtime"), [("v20.11.1", "nodejs20.x"), ("v24.0.0", "nodejs24.x"), ("v21.1.0", "nodejs22.x")]
)
def test_node_entry_points_have_the_runtime_of_the_installed_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, runtime: str
) -> None:
    (tmp_path / "index.mjs").touch()
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", f"{node.parent}{os.pathsep}{os.environ['PATH']}")

    assert guess_entry_point(tmp_path) == EntryPoint(runtime, "index.handler")


def test_a_folder_without_an_entry_point_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="--runtime and --handler"):
        guess_entry_point(tmp_path)


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
    cached = list((folder.parent / "cache").iterdir())
    (cached[0] / "from_the_cache.py").touch()

    assert len(cached) == 1
    assert "from_the_cache.py" in packed(folder).namelist()


def test_requirements_of_another_runtime_are_left_alone(folder: Path) -> None:
    (folder / "requirements.txt").write_text("this is not installable ===\n")

    package = build_package(folder, "nodejs20.x", folder.parent / "cache")

    assert "requirements.txt" in zipfile.ZipFile(io.BytesIO(package)).namelist()


def test_requirements_that_are_not_understood_are_an_error(folder: Path) -> None:
    (folder / "requirements.txt").write_text("this is not installable ===\n")

    with pytest.raises(PackagingError, match=r"requirements\.txt could not be installed"):
        packed(folder)
    assert list((folder.parent / "cache").iterdir()) == []

"""Preparing boto3 for the Pythons of a node."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from raylambda.node.runtimes.interpreters import Interpreter, base_interpreter
from raylambda.node.runtimes.python_packages import main, package_tree, prepare


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    root, reports = tmp_path_factory.mktemp("packages"), list[str]()
    prepare([base_interpreter()], root, reports.append)
    return root, reports


def tree_in(root: Path) -> Path:
    tree = package_tree(root, base_interpreter())
    assert tree is not None
    return tree


def test_a_tree_holds_boto3_and_what_it_needs_and_no_more(prepared: tuple[Path, list[str]]) -> None:
    root, reports = prepared

    names = {path.name for path in tree_in(root).iterdir() if not path.name.endswith(".dist-info")}

    needed = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"}
    assert names - {"__pycache__", ".prepared"} == needed
    assert (tree_in(root) / f"boto3-{version('boto3')}.dist-info" / "METADATA").is_file()
    assert reports == [f"{tree_in(root).name}: boto3 prepared"]


def test_a_tree_is_compiled_for_its_interpreter(prepared: tuple[Path, list[str]]) -> None:
    major, minor, *_ = base_interpreter().version

    assert (tree_in(prepared[0]) / "boto3" / "__pycache__" / f"session.cpython-{major}{minor}.pyc").is_file()


def test_other_users_can_read_it(prepared: tuple[Path, list[str]]) -> None:
    tree = tree_in(prepared[0])

    assert all(path.stat().st_mode & 0o004 for path in tree.rglob("*"))


def test_a_second_preparation_changes_nothing(prepared: tuple[Path, list[str]]) -> None:
    root, before = prepared[0], tree_in(prepared[0]).stat().st_ino
    reports: list[str] = []

    prepare([base_interpreter()], root, reports.append)

    assert reports == [f"{tree_in(root).name}: boto3 is ready"]
    assert tree_in(root).stat().st_ino == before


def test_a_tree_of_another_boto3_is_made_anew(tmp_path: Path) -> None:
    stale = tmp_path / "python{}.{}".format(*base_interpreter().version)
    stale.mkdir()
    (stale / ".prepared").write_text("boto3 0.1, Python 3\n")
    (stale / "leftover").touch()
    reports: list[str] = []

    prepare([base_interpreter()], tmp_path, reports.append)

    assert not (tree_in(tmp_path) / "leftover").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".making")] == []


def test_a_registry_that_is_not_there_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho no route to the registry >&2\nexit 2\n")
    uv.chmod(0o755)
    old: Interpreter = replace(base_interpreter(), version=(3, 8, 1))
    reports: list[str] = []

    prepare([old], tmp_path / "packages", reports.append, find_uv=lambda: str(uv))

    assert reports == [
        "python3.8: runs without boto3: no package registry, or nothing there for this Python: no route to the registry"
    ]
    assert package_tree(tmp_path / "packages", old) is None


def test_the_command_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["unknown"])

    assert "prepare" in capsys.readouterr().err

"""Folders become packages: which files, which bytes, which entry point."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.sdk.entry_points import EntryPoint, check_entry_point, guess_entry_point, may_export
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


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def handler(event, context): ...\n", None),
        ("from elsewhere import handler\n", None),
        ("from elsewhere import *\n", None),
        ("if True:\n    handler = print\n", None),
        ("def other(event, context): ...\n", "defines no handler"),
        ("def handler(:\n", "does not compile, line 1"),
        ("\0", "does not compile"),
    ],
)
def test_the_handler_must_be_there_and_compile(folder: Path, source: str, complaint: str | None) -> None:
    (folder / "app.py").write_text(source)

    if complaint is None:
        check_entry_point(folder, EntryPoint(PYTHON, "app.handler"))
    else:
        with pytest.raises(PackagingError, match=complaint):
            check_entry_point(folder, EntryPoint(PYTHON, "app.handler"))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (b"\xef\xbb\xbfdef handler(event, context): ...\n", None),
        ("# -*- coding: latin-1 -*-\ndef handler(event, context): return '\u00e9'\n".encode("latin-1"), None),
        (b"# coding: cp1252\r\nhandler = '\x80'\r\n", None),
        (b"\xef\xbb\xbfdef other(event, context): ...\n", "defines no handler"),
        (b"handler = '\xe9'\n", "does not compile"),
        (b"# coding: nothing-like-it\nhandler = 1\n", "does not compile"),
    ],
)
def test_a_source_has_the_encoding_that_it_names(folder: Path, source: bytes, complaint: str | None) -> None:
    (folder / "app.py").write_bytes(source)

    if complaint is None:
        check_entry_point(folder, EntryPoint(PYTHON, "app.handler"))
    else:
        with pytest.raises(PackagingError, match=complaint):
            check_entry_point(folder, EntryPoint(PYTHON, "app.handler"))


EXPORTS = {
    "exports.handler = async () => 1": True,
    "module.exports.handler = async () => 1": True,
    "module.exports = { other, handler }": True,
    "exports = module.exports = {}": True,
    "export const handler = async () => 1": True,
    "export async function handler(event) {}": True,
    "const a = 1; export { a as handler }": True,
    "export{a as b,c as handler};": True,
    "export * from './elsewhere.mjs'": True,
    "module.exports = require('./elsewhere')": True,
    "module.exports = { ...require('./elsewhere') }": True,
    "Object.assign(exports, made())": True,
    "for (const name of names) exports[name] = made(name)": True,
    "this.handler = async () => 1": True,
    "Object.defineProperty(exports, '__esModule', { value: true }); exports.handler = void 0": True,
    "exports.other = 1": False,
    "exports.handlers = 1": False,
    "const handler = async () => 1": False,
    "export const other = 1": False,
    "module.exports = { other: 1 }": False,
    "Object.defineProperty(exports, '__esModule', { value: true }); exports.other = 1": False,
    "": False,
}


@pytest.mark.parametrize("source", EXPORTS)
def test_a_module_of_node_that_cannot_export_the_handler_is_refused(folder: Path, source: str) -> None:
    (folder / ("index.mjs" if "export " in source or "export{" in source else "index.js")).write_text(source)
    entry = EntryPoint("nodejs22.x", "index.handler")

    assert may_export(source, "handler") is EXPORTS[source]
    if not EXPORTS[source]:
        with pytest.raises(PackagingError, match=r"exports no handler \(handler index\.handler\); --no-check insists$"):
            check_entry_point(folder, entry)


@given(st.text(), st.sampled_from(["handler", "$h", "h_1"]), st.text())
def test_a_named_export_is_found_wherever_it_stands(before: str, name: str, after: str) -> None:
    assert may_export(f"{before};exports.{name} = 1;{after}", name)
    assert may_export(f"{before}\nexport const {name} = 1;{after}", name)


@pytest.mark.parametrize("entry", [EntryPoint(PYTHON, "other.handler"), EntryPoint("nodejs22.x", "app.handler")])
def test_a_handler_without_a_file_is_named(folder: Path, entry: EntryPoint) -> None:
    with pytest.raises(PackagingError, match=f"no file for the handler {entry.handler}"):
        check_entry_point(folder, entry)


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

"""Runtime and handler of a folder: guessed from its files, and looked for before anything is sent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.sdk.entry_points import EntryPoint, check_entry_point, guess_entry_point, may_export
from raylambda.sdk.packaging import PackagingError

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "function"
    made.mkdir()
    (made / "app.py").write_text("def handler(event, context): ...\n")
    return made


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

"""The shape of the code: the limits of style.md 1, measured with ``ast``; a failure lists the offenders."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median

import pytest

SOURCE = Path(__file__).parents[2] / "raylambda"
FILES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "common", "helpers", "helper", "base", "misc", "constants", "manager", "models"}

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, type_of_function)]


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: the docstring is prose."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _share(values: list[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _all_functions() -> list[tuple[str, int]]:
    return [(f"{path.relative_to(SOURCE)}:{node.name}", _lines(node)) for path in FILES for node in _functions(path)]


def test_functions_are_short() -> None:
    functions = _all_functions()
    lengths = [length for _, length in functions]

    too_long = [f"{name} {length}" for name, length in functions if length > 80]

    assert not too_long
    assert median(lengths) <= 9
    assert _share(lengths, 0.95) <= 40


def test_what_puts_parts_together_reads_at_a_glance() -> None:
    too_long = [f"{name} {length}" for name, length in _all_functions() if name.startswith("boot/") and length > 40]

    assert not too_long


def test_no_name_needs_another_one_where_it_is_used() -> None:
    """Two things of one name are the sign of a word with two meanings (rooms.md 3)."""
    offenders = [
        f"{path.relative_to(SOURCE)}: {alias.name} as {alias.asname}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("raylambda")
        for alias in node.names
        if alias.asname is not None
    ]

    assert not offenders


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in FILES}

    too_long = {name: length for name, length in lengths.items() if length > 500}

    assert not too_long
    assert _share(list(lengths.values()), 0.95) <= 350


def test_classes_have_few_methods() -> None:
    offenders = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                methods = [item for item in node.body if isinstance(item, type_of_function) and item.name != "__init__"]
                if len(methods) > 15:
                    offenders.append(f"{path.relative_to(SOURCE)}:{node.name} {len(methods)}")

    assert not offenders


def test_functions_have_few_parameters() -> None:
    offenders = []
    for path in FILES:
        for node in _functions(path):
            arguments = [argument.arg for argument in node.args.posonlyargs + node.args.args]
            positional = [name for name in arguments if name not in {"self", "cls"}]
            if len(positional) > 6:
                offenders.append(f"{path.relative_to(SOURCE)}:{node.name} {len(positional)}")

    assert not offenders


def test_no_import_of_our_own_hides_in_a_function() -> None:
    offenders = []
    for path in FILES:
        for function in _functions(path):
            for node in ast.walk(function):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                offenders += [
                    f"{path.relative_to(SOURCE)}:{function.name} {name}"
                    for name in names
                    if name.startswith("raylambda")
                ]

    # The CLI starts fast because its commands import what they need (libraries.md).
    assert not [offender for offender in offenders if not offender.startswith(("cli/", "__init__.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_file_has_a_telling_name_and_a_docstring(path: Path) -> None:
    assert path.stem not in FORBIDDEN_NAMES
    assert ast.get_docstring(ast.parse(path.read_text())), "a module says in one sentence what it is"


PACKAGES = [
    path.parent
    for path in FILES
    # Alembic's folder is told of by `store`; its revisions are dated files and not rooms.
    if path.name == "__init__.py" and path.parent != SOURCE and "migrations" not in path.parts
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_package_tells_of_all_its_files(package: Path) -> None:
    told = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""

    inside = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    silent = [name for name in inside - {"__init__"} if not re.search(rf"(?<!\w){name}(?!\w)", told)]
    lists = re.findall(r"^\* ((?:``\w+``(?:, )?)+)  ", told, re.MULTILINE)
    gone = {name for listed in lists for name in re.findall(r"\w+", listed)} - inside - {"bootstrap", "migrations"}
    assert (silent, gone) == ([], set())


def test_prose_names_only_what_exists() -> None:
    """``store.changes`` and ``hosts/ports.py`` in docstrings, comments and pages are files or folders of today."""
    rooms = "|".join(sorted(path.name for path in SOURCE.iterdir() if path.is_dir()))
    dotted = re.compile(rf"``(?:raylambda\.)?((?:{rooms})(?:\.[a-z_]+)+)")
    slashed = re.compile(rf"(?<![\w/.-])(?:raylambda/)?((?:{rooms})/[a-z_/]+(?:\.py)?)(?![\w*{{])")
    offenders = []
    pages = [SOURCE.parent / "README.md", *(SOURCE.parent / "docs").glob("*.md")]  # decisions may tell of the past
    for path in [*FILES, *pages]:
        text = path.read_text()
        for name in dotted.findall(text):
            parts = name.split(".")
            # The last part may be a name inside of the file.
            if not any(
                _is_room(SOURCE.joinpath(*parts[:count])) for count in (len(parts), len(parts) - 1) if count > 1
            ):
                offenders.append(f"{path.name}: {name}")
        offenders += [f"{path.name}: {name}" for name in slashed.findall(text) if not _is_room(SOURCE / name)]

    assert not offenders


def _is_room(path: Path) -> bool:
    return path.is_dir() or path.is_file() or path.with_suffix(".py").is_file()

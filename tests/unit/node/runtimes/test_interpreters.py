"""Finding interpreters: every candidate is run, and known by where it really lives."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from raylambda.node.runtimes.interpreters import (
    SearchPlaces,
    ask_node,
    ask_python,
    base_interpreter,
    find_node,
    find_python,
)

OTHER = (3, 14) if sys.version_info[:2] != (3, 14) else (3, 13)


def a_python(prefix: Path, version: tuple[int, int, int]) -> Path:
    """Something that answers like a Python of this version, installed at ``prefix``."""
    path = prefix / "bin" / "python{}.{}".format(*version)
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = json.dumps([str(path), str(prefix), list(version), ["cpython-x", "cb0d0d0a"]])
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_our_own_python_serves_its_own_version() -> None:
    own = base_interpreter()

    assert find_python(own.version[:2], SearchPlaces("")) == own
    assert own.executable.is_relative_to(own.prefix)
    assert own.prefix == Path(sys.base_prefix).resolve()


def test_the_newest_installation_of_pyenv_wins(tmp_path: Path) -> None:
    for patch in (2, 11, 9):
        a_python(tmp_path / "versions" / f"{OTHER[0]}.{OTHER[1]}.{patch}", (*OTHER, patch))

    found = find_python(OTHER, SearchPlaces("", (tmp_path / "versions",)))

    assert found is not None
    assert found.version == (*OTHER, 11)
    assert found.prefix == tmp_path / "versions" / f"{OTHER[0]}.{OTHER[1]}.11"


def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    broken = a_python(tmp_path / "versions" / f"{OTHER[0]}.{OTHER[1]}.9", (*OTHER, 9))
    broken.write_text("#!/bin/sh\nexit 1\n")
    good = a_python(tmp_path / "versions" / f"{OTHER[0]}.{OTHER[1]}.1", (*OTHER, 1))

    found = find_python(OTHER, SearchPlaces("", (tmp_path / "versions",)))

    assert found is not None
    assert found.executable == good


def test_one_on_path_serves_when_there_is_no_installation(tmp_path: Path) -> None:
    good = a_python(tmp_path / "own", (*OTHER, 3))

    found = find_python(OTHER, SearchPlaces(str(good.parent)))

    assert found is not None
    assert (found.executable, found.prefix) == (good, tmp_path / "own")


def test_shims_are_not_interpreters(tmp_path: Path) -> None:
    a_python(tmp_path, (*OTHER, 3))
    (tmp_path / "bin").rename(tmp_path / "shims")

    assert find_python(OTHER, SearchPlaces(str(tmp_path / "shims"))) is None


def test_one_that_answers_another_version_does_not_count(tmp_path: Path) -> None:
    liar = a_python(tmp_path, (*OTHER, 3))
    liar.write_text(liar.read_text().replace(f"[{OTHER[0]}, {OTHER[1]}, 3]", "[3, 7, 1]"))

    assert find_python(OTHER, SearchPlaces(str(liar.parent))) is None


def test_a_real_python_tells_where_it_lives() -> None:
    found = ask_python(Path(sys.executable))

    assert found == base_interpreter()


@pytest.mark.parametrize("output", ["", "nonsense", '["a"', "v20"])
def test_nonsense_is_no_answer(output: str, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)

    assert ask_python(path) is None


def test_node_is_chosen_by_its_major_version(tmp_path: Path) -> None:
    for name, version in (("node", "v20.4.0"), ("node22", "v22.1.0")):
        path = tmp_path / "n" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {version}\n")
        path.chmod(0o755)
    places = SearchPlaces(str(tmp_path / "n" / "bin"))

    found = [find_node(major, places) for major in (20, 22, 24)]

    assert [node and node.version for node in found] == [(20, 4, 0), (22, 1, 0), None]


def test_what_is_not_node_gives_no_answer(tmp_path: Path) -> None:
    assert ask_node(tmp_path / "absent") is None
    assert ask_node(Path("/bin/true")) is None


def test_the_places_of_a_node_follow_its_variables() -> None:
    places = SearchPlaces.of_this_node({"HOME": "/h", "PATH": "/a:/b", "PYENV_ROOT": "/p"})

    assert places == SearchPlaces("/a:/b", (Path("/p/versions"), Path("/h/.local/share/uv/python")))
    assert SearchPlaces.of_this_node({}).path == os.defpath

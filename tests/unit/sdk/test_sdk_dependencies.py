"""What requirements.txt and package-lock.json ask for: installed once, kept, and installed again when it may have changed."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.sdk.packaging import PackagingError, built_package, to_forget

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
NODE = "nodejs22.x"

NPM = """#!/bin/sh
# Writes down how it is called and what lies in the folder, and makes node_modules.
echo "$* : $(ls | tr '\\n' ' ')" >> {calls}
mkdir -p node_modules/left && echo 'module.exports = 1' > node_modules/left/index.js
"""
MYLIB = '[project]\nname = "mylib"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n'
BACKEND = """
import zipfile, pathlib
def build_wheel(folder, *_):
    with zipfile.ZipFile(pathlib.Path(folder) / "mylib-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("mylib.py", pathlib.Path("mylib.py").read_text())
        wheel.writestr("mylib-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mylib\\nVersion: 1\\n")
        wheel.writestr("mylib-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("mylib-1.dist-info/RECORD", "")
    return "mylib-1-py3-none-any.whl"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "function"
    made.mkdir()
    (made / "app.py").write_text("def handler(event, context): ...\n")
    return made


@pytest.fixture
def npm_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm that works without a network; the file has a line for each call."""
    npm, calls = tmp_path / "bin" / "npm", tmp_path / "calls"
    npm.parent.mkdir()
    npm.write_text(NPM.format(calls=calls))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    return calls


def packed(folder: Path, runtime: str = PYTHON, *, check: bool = True, fresh: bool = False) -> zipfile.ZipFile:
    with built_package(folder, runtime, folder.parent / "cache", check=check, fresh=fresh) as package:
        return zipfile.ZipFile(io.BytesIO(package.path.read_bytes()))


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder.parent / "cache").iterdir())


def needs_left(folder: Path, lock: str | None = "{}") -> None:
    (folder / "index.js").write_text("exports.handler = async () => 1\n")
    (folder / "package.json").write_text('{"dependencies": {"left": "1"}}')
    if lock is not None:
        (folder / "package-lock.json").write_text(lock)


def test_what_a_lock_file_names_is_installed_by_npm_once(folder: Path, npm_calls: Path) -> None:
    needs_left(folder)

    first = packed(folder, NODE)
    again = packed(folder, NODE)

    assert npm_calls.read_text().splitlines() == ["ci --omit=dev --silent : package-lock.json package.json "]
    assert first.namelist() == again.namelist()
    assert first.namelist() == ["node_modules/left/index.js", "app.py", "index.js", "package-lock.json", "package.json"]
    assert not (folder / "node_modules").exists()


def test_another_lock_file_manifest_or_version_of_node_is_installed_anew(folder: Path, npm_calls: Path) -> None:
    needs_left(folder)
    packed(folder, NODE)
    packed(folder, "nodejs20.x")
    (folder / "package-lock.json").write_text('{"lockfileVersion": 3}')
    packed(folder, NODE)
    (folder / "package.json").write_text('{"dependencies": {"left": "2"}}')
    packed(folder, NODE)

    assert len(npm_calls.read_text().splitlines()) == len(kept(folder)) == 4


@pytest.mark.parametrize("lock", [None, "{}"])
def test_a_bundle_with_its_dependencies_inside_is_packaged_when_somebody_insists(
    folder: Path, npm_calls: Path, lock: str | None
) -> None:
    needs_left(folder, lock)

    assert "index.js" in packed(folder, NODE, check=False).namelist()
    assert not npm_calls.exists()
    if lock is None:
        with pytest.raises(PackagingError, match=r"--no-check insists$"):
            packed(folder, NODE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"dependencies": null}', None),
        ("{}", None),
        ('{"dependencies": ["left"]}', "dependencies in .*package.json are not a JSON object"),
        ('{"dependencies": 7}', "dependencies in .*package.json are not a JSON object"),
        ("[]", "is not a JSON object"),
        ("{", "is not a JSON object"),
    ],
)
def test_a_manifest_without_dependencies_needs_none_and_a_broken_one_is_named(
    folder: Path, text: str, complaint: str | None
) -> None:
    (folder / "package.json").write_text(text)

    if complaint is not None:
        with pytest.raises(PackagingError, match=f"{complaint}.*--no-check insists$"):
            packed(folder, NODE)
    assert packed(folder, NODE, check=complaint is None).read("package.json").decode() == text


def test_a_temporary_folder_that_another_deploy_takes_away_meanwhile_is_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder.parent / "cache" / "package-gone"
    seen = Path.glob

    def slow_glob(self: Path, pattern: str) -> list[Path]:
        gone.mkdir(parents=True)
        found = list(seen(self, pattern))
        gone.rmdir()
        return found

    monkeypatch.setattr(Path, "glob", slow_glob)

    assert packed(folder).namelist() == ["app.py"]


@pytest.mark.parametrize(
    "line", ["vendor/mylib", "./vendor/mylib", "mylib @ ./vendor/mylib", "mylib@file:vendor/mylib"]
)
def test_a_library_in_the_folder_is_installed_as_it_is_now(folder: Path, line: str) -> None:
    library = folder / "vendor" / "mylib"
    library.mkdir(parents=True)
    for name, text in (("pyproject.toml", MYLIB), ("back.py", BACKEND), ("mylib.py", "x = 1\n")):
        (library / name).write_text(text)
    (folder / "requirements.txt").write_text(line)
    assert packed(folder).read("mylib.py") == b"x = 1\n"

    (library / "mylib.py").write_text("x = 2\n")

    assert packed(folder).read("mylib.py") == b"x = 2\n"
    assert kept(folder) == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("six==1.17.0  # see vendor/six", 1),
        ("-r vendor/more.txt", 1),
        ("six @ https://example.invalid/six.whl", 1),
        ("six @ git+https://example.invalid/six@main", 0),
        ("git+ssh://git@example.invalid/six", 0),
        ("-e vendor/six", 0),
        ("vendor/six", 0),
        ("six.whl", 0),
        ("six[extra]@./six.whl", 0),
        ("--find-links=vendor/six", 0),
    ],
)
def test_only_what_the_text_tells_whole_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, count: int
) -> None:
    (folder / "vendor" / "six").mkdir(parents=True)
    (folder / "six.whl").touch()
    (folder / "vendor" / "more.txt").write_text("six\n")
    (folder / "requirements.txt").write_text(f"# ours\n{line}\n")
    nothing = folder.parent / "nothing"
    nothing.write_text("#!/bin/sh\n")
    nothing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(nothing))

    packed(folder)

    assert len(kept(folder)) == count


def test_fresh_installs_again_and_keeps_that(folder: Path, npm_calls: Path) -> None:
    needs_left(folder)
    packed(folder, NODE)
    [name] = kept(folder)
    with zipfile.ZipFile(folder.parent / "cache" / name, "a") as dependencies:
        dependencies.writestr("spoilt", "")

    assert "spoilt" not in packed(folder, NODE, fresh=True).namelist()
    assert "spoilt" not in packed(folder, NODE).namelist()
    assert len(npm_calls.read_text().splitlines()) == 2


@pytest.mark.parametrize("left", [b"", b"PK\x03\x04 half of it"])
def test_a_broken_zip_in_the_cache_is_installed_again(folder: Path, npm_calls: Path, left: bytes) -> None:
    needs_left(folder)
    packed(folder, NODE)
    (folder.parent / "cache" / kept(folder)[0]).write_bytes(left)

    assert "node_modules/left/index.js" in packed(folder, NODE).namelist()


def test_dependencies_that_were_not_used_for_longest_make_room(folder: Path, npm_calls: Path) -> None:
    needs_left(folder)
    packed(folder, NODE)
    [used] = kept(folder)
    cache = folder.parent / "cache"
    for number in range(30):
        (cache / f"{number}.zip").touch()
        os.utime(cache / f"{number}.zip", (1000 + number, 1000 + number))
    os.utime(cache / used, (0, 0))

    packed(folder, NODE)
    (folder / "package-lock.json").write_text('{"other": 1}')
    packed(folder, NODE)

    assert len(kept(folder)) == 20
    assert used in kept(folder)
    assert "29.zip" in kept(folder)
    assert "0.zip" not in kept(folder)


KEPT = st.lists(
    st.tuples(st.uuids().map(str), st.floats(0, 100), st.integers(0, 3_000_000_000)), unique_by=lambda one: one[0]
)


@given(KEPT)
def test_what_was_used_last_stays_within_number_and_bytes(found: list[tuple[str, float, int]]) -> None:
    forgotten = set(to_forget(found))
    stays = [one for one in found if one[0] not in forgotten]

    assert forgotten <= {name for name, _, _ in found}
    assert len(stays) <= 20
    assert sum(size for _, _, size in stays) <= 4_000_000_000
    assert bool(stays) == bool(found)
    gone = [one for one in found if one[0] in forgotten]
    assert all(old[1] <= new[1] for old in gone for new in stays)

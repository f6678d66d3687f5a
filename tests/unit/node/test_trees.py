"""One unpacked tree per package and node, also among processes and after crashes."""

from __future__ import annotations

import asyncio
import hashlib
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from raylambda.artifacts.archive import BadZip
from raylambda.node.trees import CodeDamaged, CodeTrees
from tests.unit.artifacts.zip_builder import a_zip

pytestmark = pytest.mark.anyio

PACKAGE = a_zip({"app.py": "x = 1\n", "lib/deep/b.py": "y"})
SHA256 = hashlib.sha256(PACKAGE).hexdigest()


class Source:
    """Where packages come from; counts how often it is asked."""

    def __init__(self, data: bytes = PACKAGE) -> None:
        self.data = data
        self.asked = 0

    async def __call__(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        return self.data


async def test_a_tree_is_unpacked_once_and_read_only(tmp_path: Path) -> None:
    trees, source = CodeTrees(tmp_path), Source()

    first = await trees.tree(SHA256, source)
    second = await trees.tree(SHA256, source)

    assert first == second
    assert (first / "lib/deep/b.py").read_text() == "y"
    assert source.asked == 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in (first, first / "lib", first / "lib/deep")} == {0o555}


async def test_many_at_once_fetch_once(tmp_path: Path) -> None:
    trees, source = CodeTrees(tmp_path), Source()

    paths = await asyncio.gather(*(trees.tree(SHA256, source) for _ in range(20)))

    assert len(set(paths)) == 1
    assert source.asked == 1


async def test_another_process_finds_the_tree(tmp_path: Path) -> None:
    await CodeTrees(tmp_path).tree(SHA256, Source())
    never = Source(b"")

    assert (await CodeTrees(tmp_path).tree(SHA256, never)).is_dir()
    assert never.asked == 0


def test_processes_that_unpack_at_once_share_one_tree(tmp_path: Path) -> None:
    (tmp_path / "package").write_bytes(PACKAGE)
    program = (
        "import asyncio, sys; from pathlib import Path; from raylambda.node.trees import CodeTrees\n"
        "async def fetch(): return Path(sys.argv[1], 'package').read_bytes()\n"
        "print(asyncio.run(CodeTrees(Path(sys.argv[1], 'trees')).tree(sys.argv[2], fetch)).stat().st_ino)"
    )
    command = [sys.executable, "-c", program, str(tmp_path), SHA256]

    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    folders = {process.communicate()[0] for process in processes}

    assert len(folders) == 1
    assert [process.returncode for process in processes] == [0, 0, 0]


async def test_what_a_killed_process_left_is_healed(tmp_path: Path) -> None:
    (tmp_path / f"{SHA256}.part/code/lib").mkdir(parents=True)
    (tmp_path / f"{SHA256}.part/code/half").write_text("h")
    (tmp_path / f"{SHA256}.part/code/lib").chmod(0o555)

    tree = await CodeTrees(tmp_path).tree(SHA256, Source())

    assert sorted(path.name for path in tree.iterdir()) == ["app.py", "lib"]
    assert not (tmp_path / f"{SHA256}.part").exists()


@pytest.mark.parametrize("boot", [None, "another boot"])
async def test_a_tree_of_another_boot_is_unpacked_again(tmp_path: Path, boot: str | None) -> None:
    (tmp_path / SHA256 / "code").mkdir(parents=True)
    (tmp_path / SHA256 / "code/app.py").write_text("")
    if boot:
        (tmp_path / SHA256 / "boot").write_text(boot)

    tree = await CodeTrees(tmp_path).tree(SHA256, Source())

    assert (tree / "app.py").read_text() == "x = 1\n"


async def test_damaged_bytes_are_refused_and_asked_for_again(tmp_path: Path) -> None:
    trees = CodeTrees(tmp_path)

    with pytest.raises(CodeDamaged):
        await trees.tree(SHA256, Source(b"other"))
    assert (await trees.tree(SHA256, Source())).is_dir()


async def test_a_bad_package_leaves_nothing(tmp_path: Path) -> None:
    data = a_zip({"ok": "1", "../up": "2"})
    sha256 = hashlib.sha256(data).hexdigest()

    with pytest.raises(BadZip):
        await CodeTrees(tmp_path / "trees").tree(sha256, Source(data))

    assert [path.name for path in (tmp_path / "trees").iterdir()] == [f"{sha256}.lock"]


@pytest.mark.parametrize("sha256", ["", "../x", "A" * 64, "0" * 63])
async def test_only_hashes_name_trees(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        await CodeTrees(tmp_path).tree(sha256, Source())

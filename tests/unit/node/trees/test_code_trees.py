"""One unpacked tree per package and node, also among processes and after crashes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from raylambda.artifacts.archive import BadZip
from raylambda.node.trees.code_trees import CodeDamaged, CodeTrees
from raylambda.node.trees.collection import collect
from tests.unit.artifacts.zip_builder import a_zip
from tests.waiting import reached

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

    first = (await trees.hold(SHA256, source)).code
    second = (await trees.hold(SHA256, source)).code

    assert first == second
    assert (first / "lib/deep/b.py").read_text() == "y"
    assert source.asked == 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in (first, first / "lib", first / "lib/deep")} == {0o555}


async def test_many_at_once_fetch_once(tmp_path: Path) -> None:
    trees, source = CodeTrees(tmp_path), Source()

    holds = await asyncio.gather(*(trees.hold(SHA256, source) for _ in range(20)))

    assert len({hold.code for hold in holds}) == 1
    assert source.asked == 1


async def test_another_process_finds_the_tree(tmp_path: Path) -> None:
    await CodeTrees(tmp_path).hold(SHA256, Source())
    never = Source(b"")

    assert (await CodeTrees(tmp_path).hold(SHA256, never)).code.is_dir()
    assert never.asked == 0


def test_processes_that_unpack_at_once_share_one_tree(tmp_path: Path) -> None:
    (tmp_path / "package").write_bytes(PACKAGE)
    program = (
        "import asyncio, sys; from pathlib import Path; from raylambda.node.trees.code_trees import CodeTrees\n"
        "async def fetch(): return Path(sys.argv[1], 'package').read_bytes()\n"
        "print(asyncio.run(CodeTrees(Path(sys.argv[1], 'trees')).hold(sys.argv[2], fetch)).code.stat().st_ino)"
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

    tree = (await CodeTrees(tmp_path).hold(SHA256, Source())).code

    assert sorted(path.name for path in tree.iterdir()) == ["app.py", "lib"]
    assert not (tmp_path / f"{SHA256}.part").exists()


@pytest.mark.parametrize("boot", [None, "another boot"])
async def test_a_tree_of_another_boot_is_unpacked_again(tmp_path: Path, boot: str | None) -> None:
    (tmp_path / SHA256 / "code").mkdir(parents=True)
    (tmp_path / SHA256 / "code/app.py").write_text("")
    if boot:
        (tmp_path / SHA256 / "boot").write_text(boot)

    tree = (await CodeTrees(tmp_path).hold(SHA256, Source())).code

    assert (tree / "app.py").read_text() == "x = 1\n"


async def test_damaged_bytes_are_refused_and_asked_for_again(tmp_path: Path) -> None:
    trees = CodeTrees(tmp_path)

    with pytest.raises(CodeDamaged):
        await trees.hold(SHA256, Source(b"other"))
    assert (await trees.hold(SHA256, Source())).code.is_dir()


async def test_a_bad_package_leaves_nothing(tmp_path: Path) -> None:
    data = a_zip({"ok": "1", "../up": "2"})
    sha256 = hashlib.sha256(data).hexdigest()

    with pytest.raises(BadZip):
        await CodeTrees(tmp_path / "trees").hold(sha256, Source(data))

    assert [path.name for path in (tmp_path / "trees").iterdir()] == [f"{sha256}.lock"]


@pytest.mark.parametrize("sha256", ["", "../x", "A" * 64, "0" * 63])
async def test_only_hashes_name_trees(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        await CodeTrees(tmp_path).hold(sha256, Source())


async def test_a_tree_is_held_until_the_last_hold_ends(tmp_path: Path) -> None:
    trees, limited = CodeTrees(tmp_path), CodeTrees(tmp_path, limit_bytes=0)
    first, second = await trees.hold(SHA256, Source()), await trees.hold(SHA256, Source())

    first.release()
    first.release()
    assert collect(tmp_path, 0) == []

    second.release()
    assert collect(tmp_path, 0) == [SHA256]
    assert not (tmp_path / SHA256).exists()
    assert (await limited.hold(SHA256, Source())).code.is_dir()
    await limited.close()


async def test_a_tree_that_was_collected_is_unpacked_again(tmp_path: Path) -> None:
    trees, source = CodeTrees(tmp_path), Source()
    (await trees.hold(SHA256, source)).release()
    collect(tmp_path, 0)

    hold = await trees.hold(SHA256, source)

    assert (hold.code / "app.py").is_file()
    assert source.asked == 2


async def test_a_new_tree_makes_the_node_remove_those_used_longest_ago(tmp_path: Path) -> None:
    trees = CodeTrees(tmp_path, limit_bytes=0)
    (await trees.hold(SHA256, Source())).release()
    await trees.close()
    other = a_zip({"other.py": "z"})
    held = await trees.hold(hashlib.sha256(other).hexdigest(), Source(other))
    await trees.close()

    assert not (tmp_path / SHA256).exists()
    assert (held.code / "other.py").is_file()


async def test_a_start_adds_the_time_of_use_only(tmp_path: Path) -> None:
    trees = CodeTrees(tmp_path)
    await trees.hold(SHA256, Source())
    os.utime(tmp_path / f"{SHA256}.lock", (0, 0))

    await trees.hold(SHA256, Source())

    assert (tmp_path / f"{SHA256}.lock").stat().st_mtime > 0


async def test_a_caller_that_gives_up_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees, begun, go = CodeTrees(tmp_path), threading.Event(), threading.Event()
    unpack = trees._unpack_once

    def slowly(sha256: str, data: bytes) -> int:
        begun.set()
        go.wait()
        return unpack(sha256, data)

    monkeypatch.setattr(trees, "_unpack_once", slowly)
    start = asyncio.create_task(trees.hold(SHA256, Source()))
    await asyncio.to_thread(begun.wait)

    start.cancel()
    await asyncio.wait([start])
    go.set()

    await reached(lambda: collect(tmp_path, 0) == [SHA256])


def test_starts_and_collections_of_many_processes_never_fail(tmp_path: Path) -> None:
    (tmp_path / "package").write_bytes(PACKAGE)
    starts = (
        "import asyncio, sys; from pathlib import Path; from raylambda.node.trees.code_trees import CodeTrees\n"
        "async def fetch(): return Path(sys.argv[1], 'package').read_bytes()\n"
        "async def main():\n"
        "    trees = CodeTrees(Path(sys.argv[1], 'trees'))\n"
        "    for _ in range(100):\n"
        "        hold = await trees.hold(sys.argv[2], fetch)\n"
        "        assert (hold.code / 'lib/deep/b.py').read_text() == 'y'\n"
        "        hold.release()\n"
        "asyncio.run(main())"
    )
    collections = (
        "import sys; from pathlib import Path; from raylambda.node.trees.collection import collect\n"
        "removed = 0\n"
        "while not Path(sys.argv[1], 'over').exists(): removed += len(collect(Path(sys.argv[1], 'trees'), 0))\n"
        "print(removed)"
    )
    (tmp_path / "trees").mkdir()

    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), SHA256], stdout=subprocess.PIPE)
        for program in (starts, starts, collections)
    ]
    ends = [process.wait() for process in processes[:2]]
    (tmp_path / "over").touch()

    assert int(processes[2].communicate()[0]) > 0
    assert ends == [0, 0]

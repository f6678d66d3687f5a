"""The folders of the hosts of one node: taken, removed, and swept after a kill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from raylambda.node.host_folder import HostFolder

CLAIM_AND_STAY = """
import sys
from pathlib import Path
from raylambda.node.host_folder import HostFolder

folder = HostFolder.take(Path(sys.argv[1]))
(folder.path / "etc").mkdir()
print("taken", flush=True)
sys.stdin.read()
"""


def test_a_folder_is_private_and_goes_with_its_host(tmp_path: Path) -> None:
    folder = HostFolder.take(tmp_path / "hosts" / "a")

    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.remove()
    folder.remove()
    assert not (tmp_path / "hosts" / "a").exists()


def test_the_folders_of_hosts_that_live_stay(tmp_path: Path) -> None:
    first = HostFolder.take(tmp_path / "a")

    second = HostFolder.take(tmp_path / "b")

    assert first.path.is_dir()
    first.remove()
    second.remove()


def test_a_folder_has_one_host(tmp_path: Path) -> None:
    folder = HostFolder.take(tmp_path / "a")

    with pytest.raises(FileExistsError):
        HostFolder.take(tmp_path / "a")

    folder.remove()


def test_the_next_host_removes_the_folder_of_a_killed_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM_AND_STAY, str(tmp_path / "killed")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        host.stdout.readline()
        while_it_lives = HostFolder.take(tmp_path / "b")
        assert (tmp_path / "killed" / "etc").is_dir()
        host.kill()

    after_the_kill = HostFolder.take(tmp_path / "c")

    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"b", "c"}
    while_it_lives.remove()
    after_the_kill.remove()

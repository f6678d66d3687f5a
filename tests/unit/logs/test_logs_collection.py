"""Logs of deleted functions: kept within a size, the ones written to longest ago go first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from raylambda.logs.collection import GRACE_S, KeptGroup, collect_groups, groups_to_collect, kept_groups
from raylambda.logs.files import group_path
from tests.unit.logs.written_logs import START, Logs, a_query, messages, some_lines

NOW = START + 10 * GRACE_S

GROUPS = st.lists(
    st.builds(
        KeptGroup,
        path=st.integers(0, 20).map(lambda number: Path(f"/logs/{number}")),
        size=st.integers(0, 100),
        written_s=st.floats(NOW - 5 * GRACE_S, NOW),
    ),
    unique_by=lambda group: group.path,
)


@given(groups=GROUPS, in_use=st.sets(st.integers(0, 20)), limit=st.integers(0, 500))
def test_only_as_much_goes_as_must_and_never_what_is_in_use_or_fresh(
    groups: list[KeptGroup], in_use: set[int], limit: int
) -> None:
    kept = {Path(f"/logs/{number}") for number in in_use}

    chosen = groups_to_collect(groups, kept, limit, NOW)

    assert not kept & {group.path for group in chosen}
    assert all(group.written_s <= NOW - GRACE_S for group in chosen)
    left = [group for group in groups if group.path not in kept and group not in chosen]
    if sum(group.size for group in left) > limit:
        assert all(group.written_s > NOW - GRACE_S for group in left), "what may go has gone"
    full = [group for group in chosen if group.size]
    if full:
        spared = sum(group.size for group in left) + full[-1].size
        assert spared > limit, "one less would not have been enough"


def written(logs: Logs, group: str, hours_ago: int) -> Path:
    logs.write(some_lines("a line", group=group))
    path = group_path(logs.root, "1", "us-east-1", group)
    for file in path.iterdir():
        os.utime(file, (NOW - hours_ago * 3600, NOW - hours_ago * 3600))
    return path


def test_the_logs_of_deleted_functions_go_oldest_first_until_they_fit(logs: Logs) -> None:
    alive, oldest, older, fresh = (written(logs, f"/aws/lambda/f{n}", hours) for n, hours in enumerate((9, 8, 7, 0)))
    one_bytes = sum(file.stat().st_size for file in older.iterdir())

    assert collect_groups(logs.root, {alive}, 2 * one_bytes, NOW) == 1

    assert [path.exists() for path in (alive, oldest, older, fresh)] == [True, False, True, True]


def test_a_group_whose_lines_have_all_expired_goes_and_comes_again_with_the_next_line(logs: Logs) -> None:
    path = written(logs, "/aws/lambda/hello", 5)
    for file in path.iterdir():
        file.unlink()
    os.utime(path, (NOW - 7200, NOW - 7200))

    assert collect_groups(logs.root, set(), 10**9, NOW) == 1

    logs.write(some_lines("again"))
    assert messages(logs.read(a_query())) == ["again"]


def test_a_link_to_nowhere_in_a_group_is_no_hindrance(logs: Logs) -> None:
    path = written(logs, "/aws/lambda/hello", 5)
    (path / "dangling").symlink_to(path / "nowhere")
    os.utime(path / "dangling", (NOW - 7200, NOW - 7200), follow_symlinks=False)

    assert collect_groups(logs.root, set(), 0, NOW) == 1
    assert not path.exists()


def test_what_a_link_among_the_groups_leads_to_stays(logs: Logs, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.utime(elsewhere, (NOW - 7200, NOW - 7200))
    path = written(logs, "/aws/lambda/hello", 5)
    (logs.root / "linked").symlink_to(elsewhere)

    assert collect_groups(logs.root, set(), 0, NOW) == 1
    assert (elsewhere.exists(), path.exists()) == (True, False)


def test_files_that_expire_while_they_are_counted_are_not_counted(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(logs, "/aws/lambda/hello", 5)
    [file] = path.iterdir()
    listed = Path.iterdir

    def then_expired(self: Path) -> Iterator[Path]:
        yield from listed(self)
        yield self / "2001-01-01T00.jsonl"

    monkeypatch.setattr(Path, "iterdir", then_expired)

    assert [(group.path, group.size) for group in kept_groups(logs.root)] == [(path, file.stat().st_size)]


def test_a_group_that_is_removed_while_it_is_looked_at_is_none(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, left = (written(logs, f"/aws/lambda/f{n}", 5) for n in range(2))
    listed = Path.iterdir

    def removed_meanwhile(self: Path) -> Iterator[Path]:
        if self == gone:
            shutil.rmtree(gone)
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", removed_meanwhile)

    assert [group.path for group in kept_groups(logs.root)] == [left]


def test_a_group_that_somebody_else_removes_first_does_not_keep_the_others(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (written(logs, f"/aws/lambda/f{n}", hours) for n, hours in enumerate((8, 5)))
    remove = shutil.rmtree

    def raced(path: Path) -> None:
        if path == first:
            remove(path)
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", raced)

    with capture_logs() as lines:
        assert collect_groups(logs.root, set(), 0, NOW) == 1
    assert (first.exists(), second.exists()) == (False, False)
    assert [line["event"] for line in lines] == ["log_group_not_removed"]

"""Logs of deleted functions: kept within a size, the ones written to longest ago go first."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from raylambda.logs.collection import GRACE_S, KeptGroup, collect_groups, groups_to_collect
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

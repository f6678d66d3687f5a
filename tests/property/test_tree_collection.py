"""Which trees a node gives up, for every set of trees and every limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from raylambda.node.trees.collection import StoredTree, to_collect

SIZES = st.integers(0, 1000)
TREES = st.lists(st.tuples(SIZES, st.integers(0, 20), st.booleans()), max_size=12).map(
    lambda rows: [
        StoredTree(f"{number:064x}", size, float(used), held) for number, (size, used, held) in enumerate(rows)
    ]
)


@given(trees=TREES, limit=st.integers(0, 5000))
def test_what_stays_fits_or_is_held(trees: list[StoredTree], limit: int) -> None:
    gone = set(to_collect(trees, limit))

    stays = [tree for tree in trees if tree.sha256 not in gone]
    assert sum(tree.disk_bytes for tree in stays) <= limit or all(tree.held for tree in stays)


@given(trees=TREES, limit=st.integers(0, 5000))
def test_nobody_loses_a_tree_in_use_and_nothing_older_stays(trees: list[StoredTree], limit: int) -> None:
    gone = [tree for name in to_collect(trees, limit) for tree in trees if tree.sha256 == name]

    assert not any(tree.held for tree in gone)
    newest = max((tree.last_use for tree in gone), default=-1.0)
    assert all(tree.held or tree.last_use >= newest for tree in trees if tree not in gone)


@given(trees=TREES, limit=st.integers(0, 5000))
def test_no_more_goes_than_must(trees: list[StoredTree], limit: int) -> None:
    gone = to_collect(trees, limit)

    without_the_last = sum(tree.disk_bytes for tree in trees if tree.sha256 not in gone[:-1])
    assert not gone or without_the_last > limit
    assert len(set(gone)) == len(gone)

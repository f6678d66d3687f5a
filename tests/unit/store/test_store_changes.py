"""The change feed: numbers grow, become visible in order, and none is ever skipped."""

from __future__ import annotations

import threading

import pytest

from raylambda.store.changes import (
    ABSENT_S,
    Change,
    ChangeKind,
    change_is_kept,
    changes_since,
    forget_follower,
    keep_position,
    newest_change,
    prune_changes,
    record_change,
)
from raylambda.store.engine import Database
from tests.plugins.databases import PostgresqlServer, migrated

ACCOUNT, REGION = "123456789012", "eu-west-1"
NOW = 1_800_000_000.0


def record(database: Database, name: str) -> int:
    with database.session() as session:
        return record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)


def since(database: Database, number: int) -> list[Change]:
    with database.reading() as session:
        return changes_since(session, number)


def test_a_reader_asks_for_what_came_after_the_number_it_knows(database: Database) -> None:
    first, second = record(database, "a"), record(database, "b")

    assert since(database, 0) == [
        Change(first, "function", ACCOUNT, REGION, "a"),
        Change(second, "function", ACCOUNT, REGION, "b"),
    ]
    assert since(database, first) == [Change(second, ChangeKind.FUNCTION, ACCOUNT, REGION, "b")]
    assert since(database, second) == []


def test_the_newest_number_is_zero_before_the_first_change(database: Database) -> None:
    with database.reading() as session:
        assert newest_change(session) == 0

    number = record(database, "a")

    with database.reading() as session:
        assert newest_change(session) == number


def test_a_change_that_is_rolled_back_is_never_seen(database: Database) -> None:
    with pytest.raises(RuntimeError), database.session() as session:
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "a")
        raise RuntimeError

    assert since(database, 0) == []


def test_a_reader_never_skips_a_change_while_others_write(database: Database) -> None:
    writers = [threading.Thread(target=lambda: [record(database, "f") for _ in range(15)]) for _ in range(6)]
    seen: list[int] = []
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.extend(change.number for change in since(database, seen[-1] if seen else 0))
    seen.extend(change.number for change in since(database, seen[-1] if seen else 0))

    assert seen == sorted(seen)
    assert seen == [change.number for change in since(database, 0)]
    assert len(seen) == 90


def kept(database: Database) -> list[int]:
    return [change.number for change in since(database, 0)]


def stand_at(database: Database, follower_id: str, applied: int, now: float = NOW) -> None:
    with database.shared() as session:
        keep_position(session, follower_id, applied, now)


def prune(database: Database, now: float = NOW) -> list[int]:
    with database.shared() as session:
        prune_changes(session, now)
    return kept(database)


def test_what_all_followers_have_passed_is_pruned_and_their_own_rows_stay(database: Database) -> None:
    numbers = [record(database, name) for name in "abcd"]
    stand_at(database, "ahead", numbers[3])
    stand_at(database, "behind", numbers[0])
    stand_at(database, "behind", numbers[1])

    assert prune(database) == numbers[1:]
    with database.reading() as session:
        assert [change_is_kept(session, number) for number in (0, *numbers)] == [False, False, True, True, True]


def test_without_followers_nothing_is_pruned(database: Database) -> None:
    numbers = [record(database, name) for name in "ab"]

    assert prune(database) == numbers


def test_a_follower_that_ended_or_is_absent_holds_nothing_back(database: Database) -> None:
    numbers = [record(database, name) for name in "abc"]
    stand_at(database, "ended", 0)
    stand_at(database, "absent", numbers[0])
    stand_at(database, "here", numbers[2], NOW + ABSENT_S)

    assert prune(database, NOW + ABSENT_S) == numbers
    with database.shared() as session:
        forget_follower(session, "ended")
    assert prune(database, NOW + ABSENT_S) == numbers
    assert prune(database, NOW + ABSENT_S + 1) == numbers[2:]


def test_the_newest_change_is_never_pruned(database: Database) -> None:
    numbers = [record(database, name) for name in "ab"]
    stand_at(database, "here", numbers[1])

    assert prune(database) == numbers[1:]
    with database.reading() as session:
        assert newest_change(session) == numbers[1]
    assert record(database, "c") > numbers[1]


@pytest.mark.postgresql
def test_postgresql_draws_no_number_while_a_lower_one_is_not_committed(postgresql_server: PostgresqlServer) -> None:
    # Sequences give numbers out of any order of commits; without the lock, the reader would see 2, and skip 1 for good.
    url = postgresql_server.create_database()
    database = migrated(url)
    slow_has_a_number, let_slow_commit = threading.Event(), threading.Event()
    numbers: dict[str, int] = {}

    def commit_slowly() -> None:
        with database.shared() as session:
            numbers["slow"] = record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "slow")
            slow_has_a_number.set()
            let_slow_commit.wait()

    def commit_quickly() -> None:
        with database.shared() as session:
            numbers["quick"] = record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "quick")

    slow, quick = (threading.Thread(target=unit, daemon=True) for unit in (commit_slowly, commit_quickly))
    slow.start()
    slow_has_a_number.wait()
    quick.start()
    # Not a matter of time: the quick one cannot end before the slow one is let go.
    quick.join(timeout=0.2)
    assert quick.is_alive()
    assert since(database, 0) == []
    let_slow_commit.set()
    slow.join()
    quick.join()

    assert numbers["slow"] < numbers["quick"]
    assert [change.name for change in since(database, 0)] == ["slow", "quick"]
    database.close()
    postgresql_server.drop_database(url)

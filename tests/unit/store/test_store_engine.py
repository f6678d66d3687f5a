"""Units of work: what is committed, what is rolled back, who hears of it, and how they keep out of each other's way."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from raylambda.store.changes import ChangeKind, record_change
from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import StoreConflict, StoreUnavailable
from raylambda.store.tables import FunctionRow
from tests.plugins.databases import migrated

ACCOUNT, REGION = "123456789012", "eu-west-1"


def a_function(name: str = "f", **members: Any) -> FunctionRow:
    return FunctionRow(account=ACCOUNT, region=REGION, name=name, **members)


def names(database: Database) -> list[str]:
    with database.reading() as session:
        return [row.name for row in session.exec(select(FunctionRow).order_by(FunctionRow.name))]


def the_function(session: Session) -> FunctionRow:
    return session.exec(select(FunctionRow)).one()


def test_a_block_that_ends_is_committed(database: Database) -> None:
    with database.session() as session:
        row = a_function(tags={"team": "blue"})
        session.add(row)

    assert names(database) == ["f"]
    assert row.tags == {"team": "blue"}, "rows stay readable after the block"


def test_a_block_that_raises_is_rolled_back(database: Database) -> None:
    with pytest.raises(RuntimeError, match="no"), database.session() as session:
        session.add(a_function())
        session.flush()
        raise RuntimeError("no")

    assert names(database) == []


def test_a_reading_block_sees_one_state(database: Database) -> None:
    with database.reading() as session:
        before = session.exec(select(FunctionRow)).all()
        with database.session() as other:
            other.add(a_function())
        after = session.exec(select(FunctionRow)).all()

    assert list(before) == list(after) == []
    assert names(database) == ["f"]


def test_writers_neither_fail_nor_lose_updates(database: Database) -> None:
    with database.session() as session:
        session.add(a_function(next_version=0))
    failures: list[BaseException] = []

    def add_twenty() -> None:
        try:
            for _ in range(20):
                with database.session() as session:
                    the_function(session).next_version += 1
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=add_twenty) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert failures == []
    with database.reading() as session:
        assert the_function(session).next_version == 160


def test_a_duplicate_key_is_a_conflict_that_does_not_tell_values(database: Database) -> None:
    with database.session() as session:
        session.add(a_function(tags={"secret": "hunter2"}))

    with pytest.raises(StoreConflict) as raised, database.session() as session:
        session.add(a_function(tags={"secret": "hunter2"}))

    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in str(raised.value.__cause__)
    assert ACCOUNT not in str(raised.value)


def test_listeners_hear_of_commits_that_recorded_a_change(database: Database) -> None:
    heard: list[int] = []
    database.on_commit(heard.append)

    with database.session() as session:
        session.add(a_function())
    assert heard == []

    with database.session() as session:
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "f")
        newest = record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "g")
        assert heard == []
    assert heard == [newest]

    with pytest.raises(RuntimeError), database.session() as session:
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "f")
        raise RuntimeError
    assert heard == [newest]


def test_a_listener_that_fails_does_not_undo_the_commit(database: Database) -> None:
    heard: list[int] = []

    def fail(number: int) -> None:
        raise RuntimeError(number)

    database.on_commit(fail)
    database.on_commit(heard.append)

    with database.session() as session:
        session.add(a_function())
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "f")

    assert names(database) == ["f"]
    assert len(heard) == 1


def test_the_database_file_and_its_companions_are_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "raylambda.sqlite"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)

    with Database(engine).session() as session:
        session.add(a_function())
        session.flush()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == dict.fromkeys(("raylambda.sqlite", "raylambda.sqlite-wal", "raylambda.sqlite-shm"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_sqlite_keeps_a_write_ahead_log_and_checks_foreign_keys(tmp_path: Path) -> None:
    with open_engine(f"sqlite:///{tmp_path}/store.sqlite").connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1}


def test_a_database_in_memory_serves_every_thread() -> None:
    database = migrated()

    def create() -> None:
        with database.session() as session:
            session.add(a_function())

    other = threading.Thread(target=create)
    other.start()
    other.join()

    assert names(database) == ["f"]


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/name", "sqlite:////proc/no-such-directory/store.sqlite"])
def test_a_url_of_no_use_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"takes sqlite:///PATH|cannot be opened"):
        open_engine(url)


def test_a_bad_url_does_not_tell_its_password() -> None:
    with pytest.raises(StoreUnavailable) as raised:
        open_engine("postgresql:/user:hunter2@host:port/name")

    assert "hunter2" not in str(raised.value)

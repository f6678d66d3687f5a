"""A database that goes away, is full or cannot be written: one clear error, and all is well again when it is back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import select

from raylambda.store.changes import ChangeKind, newest_change, record_change
from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import StoreUnavailable
from raylambda.store.tables import FunctionRow
from tests.plugins.databases import PostgresqlServer, migrated

ACCOUNT, REGION = "123456789012", "eu-west-1"


def a_function(name: str) -> FunctionRow:
    return FunctionRow(account=ACCOUNT, region=REGION, name=name)


def create(database: Database, name: str) -> None:
    with database.session() as session:
        session.add(a_function(name))
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)


def names(database: Database) -> list[str]:
    with database.reading() as session:
        return [row.name for row in session.exec(select(FunctionRow).order_by(FunctionRow.name))]


@pytest.mark.postgresql
def test_a_server_that_is_killed_is_unavailable_until_it_is_back(own_postgresql_server: PostgresqlServer) -> None:
    server = own_postgresql_server
    database = migrated(server.create_database())
    create(database, "before")

    with pytest.raises(StoreUnavailable), database.session() as session:
        session.add(a_function("half-written"))
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "half-written")
        server.kill()
    for unit in (database.session, database.shared, database.reading):
        with pytest.raises(StoreUnavailable), unit() as session:
            newest_change(session)
    server.start()

    create(database, "after")
    assert names(database) == ["after", "before"]
    database.close()


@pytest.mark.postgresql
def test_a_server_that_never_was_is_unavailable(tmp_path: Path) -> None:
    database = Database(open_engine(f"postgresql://user:hunter2@/name?host={tmp_path}"))

    with pytest.raises(StoreUnavailable) as raised, database.reading() as session:
        newest_change(session)

    assert "hunter2" not in str(raised.value)
    with pytest.raises(StoreUnavailable):
        migrate(database.engine)


def test_a_full_disk_keeps_what_was_committed(tmp_path: Path) -> None:
    # A limit on file sizes stops SQLite as a full disk does; in a process of its own, as it cannot be undone.
    url = f"sqlite:///{tmp_path}/store.sqlite"
    program = f"""
import resource, signal
from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import StoreUnavailable
from raylambda.store.tables import FunctionRow
database = Database(open_engine({url!r}))
migrate(database.engine)
def create(name):
    with database.session() as session:
        session.add(FunctionRow(account="1", region="r", name=name, tags={{"padding": "x" * 10_000}}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
kept = 0
try:
    for n in range(1000):
        create(f"f{{n:04}}")
        kept = n + 1
except StoreUnavailable as error:
    print(kept, error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    kept, _, text = result.stdout.partition(" ")
    assert text.strip(), "the error says something"
    database = Database(open_engine(url))
    assert names(database) == [f"f{n:04}" for n in range(int(kept))]
    create(database, "later")
    assert "later" in names(database)


def test_a_damaged_database_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(os.urandom(8192))
    database = Database(open_engine(f"sqlite:///{path}"))

    with pytest.raises(StoreUnavailable, match="not a database"), database.reading() as session:
        newest_change(session)
    with pytest.raises(StoreUnavailable, match="not a database"):
        migrate(database.engine)


def test_a_writer_that_holds_the_database_too_long_makes_others_unavailable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    database = migrated(url)
    impatient = Database(open_engine(url, lock_wait_s=0.05))

    with database.session() as session:
        session.add(a_function("a"))
        session.flush()
        with pytest.raises(StoreUnavailable, match="locked"):
            create(impatient, "b")

    create(impatient, "c")
    assert names(database) == ["a", "c"]

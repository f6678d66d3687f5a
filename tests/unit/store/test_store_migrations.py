"""The migrated schema is the one that the tables describe, and many processes may migrate at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import SchemaUnknown

MIGRATE = "import sys; from raylambda.store.engine import migrate, open_engine; migrate(open_engine(sys.argv[1]))"


def test_the_migrated_schema_equals_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, SQLModel.metadata) == []


def test_numbers_of_changes_are_never_used_again(database: Database) -> None:
    # A follower that has seen n must not meet another change n after rows were removed.
    insert = "INSERT INTO change (account, region, name) VALUES ('1', 'r', 'n') RETURNING number"
    with database.session() as session:
        first = session.connection().execute(text(insert)).scalar_one()
        session.connection().execute(text("DELETE FROM change"))
    with database.session() as session:
        assert session.connection().execute(text(insert)).scalar_one() > first


def test_migrating_again_changes_nothing(database: Database) -> None:
    before = inspect(database.engine).get_table_names()

    migrate(database.engine)

    assert inspect(database.engine).get_table_names() == before


def test_several_processes_may_migrate_a_new_database_at_once(database_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, database_url], stderr=subprocess.PIPE) for _ in range(4)
    ]

    results = [process.communicate()[1].decode() for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, results
    engine = open_engine(database_url)
    assert "function_version" in inspect(engine).get_table_names()
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.session() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaUnknown, match="9999"):
        migrate(database.engine)


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE event (in_the_way INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        migrate(engine)

    assert inspect(engine).get_table_names() == ["event"]
    engine.dispose()

"""The migrated schema is the one that the tables describe, and many processes may migrate at once."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from raylambda.boot import BootError
from raylambda.boot.up import run
from raylambda.model.function import State
from raylambda.model.invocation import Call
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.follower import FunctionSubscriber
from raylambda.scheduling.registry import Registry
from raylambda.settings import Settings
from raylambda.store.changes import ChangeKind, changes_since, record_change
from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import SchemaUnknown
from raylambda.store.events import Claim, InHand, claim_events
from raylambda.store.following import ChangeFollower
from raylambda.store.functions import StoredFunctions, load_function
from raylambda.testing.clock import ManualClock

SCHEMA_0001 = Path(__file__).with_name("schema_0001.sql")
ACCOUNT, REGION = "123456789012", "us-east-1"

MIGRATE = "import sys; from raylambda.store.engine import migrate, open_engine; migrate(open_engine(sys.argv[1]))"


def test_the_migrated_schema_equals_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, SQLModel.metadata) == []


def test_numbers_of_changes_are_never_used_again(database: Database) -> None:
    # A follower that has seen n must not meet another change n after rows were removed.
    insert = "INSERT INTO change (kind, account, region, name) VALUES ('function', '1', 'r', 'n') RETURNING number"
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


def make_newer(database: Database) -> None:
    with database.session() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_a_database_of_a_newer_version_is_refused_in_one_line(database: Database) -> None:
    make_newer(database)

    with pytest.raises(SchemaUnknown, match=r"9999.*start that version, or choose another database") as refused:
        migrate(database.engine)

    assert "\n" not in str(refused.value)


def test_a_platform_on_a_newer_database_ends_in_one_line(tmp_path: Path) -> None:
    database = Database(open_engine(f"sqlite:///{tmp_path}/raylambda.sqlite"))
    migrate(database.engine)
    make_newer(database)
    database.close()
    said: list[str] = []

    with pytest.raises(BootError, match=r"the database cannot be used: .*9999") as refused:
        run(Settings(home=tmp_path, port=0), said.append)

    assert "\n" not in str(refused.value)
    assert said == []


@pytest.fixture
def old_database(database_url: str) -> Iterator[Database]:
    """A database of schema revision 0001 with rows of every table."""
    engine = open_engine(database_url)
    dump = SCHEMA_0001.read_text()
    if engine.dialect.name == "sqlite":
        with sqlite3.connect(str(engine.url.database)) as connection:
            connection.executescript(dump)
        connection.close()
    else:
        config = Config()
        config.set_main_option("script_location", "raylambda.store:migrations")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            for row in re.findall(r'^INSERT INTO "(?!alembic|sqlite).*?\);$', dump, re.MULTILINE | re.DOTALL):
                connection.exec_driver_sql(re.sub(r"X'([0-9A-F]*)'", r"'\\x\1'", row).replace("%", "%%"))
            connection.exec_driver_sql("SELECT setval('change_number_seq', (SELECT max(number) FROM change))")
    database = Database(engine)
    yield database
    database.close()


def test_an_old_database_has_everything_after_its_migration(old_database: Database) -> None:
    migrate(old_database.engine)

    with old_database.reading() as session:
        changes = changes_since(session, 0)
        orders = load_function(session, ACCOUNT, REGION, "orders")
        thumbnails = load_function(session, ACCOUNT, REGION, "thumbnails")
    assert [change.number for change in changes] == list(range(1, 14))
    assert {change.kind for change in changes} == {ChangeKind.FUNCTION}
    assert orders is not None
    assert set(orders.versions) == {"$LATEST", "1", "2"}
    assert orders.versions["1"].environment == {"STAGE": "live", "QUOTE": "it's"}
    assert orders.versions["1"].code_sha256 != orders.versions["2"].code_sha256
    assert (orders.aliases["live"].version, orders.aliases["live"].weights) == ("1", {"2": 0.25})
    assert (orders.reserved_concurrency, orders.to_activate) == (5, False)
    assert thumbnails is not None
    assert thumbnails.versions["$LATEST"].log_group == "/shop/images"
    assert thumbnails.versions["$LATEST"].ray_options.num_gpus == 0.5


def test_the_changes_of_an_old_database_are_counted_on(old_database: Database) -> None:
    migrate(old_database.engine)

    with old_database.session() as session:
        session.connection().execute(text("DELETE FROM change"))
    with old_database.session() as session:
        assert record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "orders") == 14


def test_the_events_of_an_old_database_run_on(old_database: Database) -> None:
    migrate(old_database.engine)

    with old_database.shared() as session:
        events = claim_events(session, Claim("new.1", 1_800_000_100.0, 1_800_000_200.0, 10), InHand())

    assert [event.call.request_id for event in events] == ["e-waiting", "e-claimed", "e-retried"]
    assert events[0].call == Call(ACCOUNT, REGION, "orders", "live", "e-waiting", b'{"order": 1}', "Root=1-aaaa")
    assert events[1].call.payload == bytes(range(256))
    assert (events[2].attempts, events[2].deferrals) == (1, 2)


class NoFleet:
    def retire(self, key: object, current: object) -> None:
        return None

    def code_came(self, version: object) -> None:
        return None


def test_a_follower_starts_on_an_old_database(old_database: Database) -> None:
    migrate(old_database.engine)
    registry = Registry()
    subscriber = FunctionSubscriber(StoredFunctions(old_database), registry, Admission(1000), NoFleet())
    follower = ChangeFollower(old_database, {ChangeKind.FUNCTION: subscriber}, ManualClock(), "f")

    async def start_and_stop() -> None:
        await follower.open()
        await follower.close()

    asyncio.run(start_and_stop())

    assert len(list(registry.keys())) == 4
    assert registry.resolve(ACCOUNT, REGION, "orders", "2").version.version == "2"
    assert registry.resolve(ACCOUNT, REGION, "just-created", None).version.state is State.ACTIVE
    assert registry.resolve("210987654321", "eu-west-1", "orders", None).version.runtime == "nodejs22.x"


def test_the_schema_can_go_back(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", "raylambda.store:migrations")
    with database.session() as session:
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "f")
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")

    migrate(database.engine)

    with database.reading() as session:
        assert [change.name for change in changes_since(session, 0)] == ["f"]


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE event (in_the_way INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        migrate(engine)

    assert inspect(engine).get_table_names() == ["event"]
    engine.dispose()

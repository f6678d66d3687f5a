"""Rows become the records of the data plane."""

from __future__ import annotations

from typing import Any

from raylambda.model.function import Alias, FunctionVersion, State
from raylambda.model.ray_options import RayOptions
from raylambda.store.engine import Database
from raylambda.store.functions import StoredFunctions, all_functions, load_function
from raylambda.store.tables import AliasRow, FunctionRow, FunctionVersionRow

ACCOUNT, REGION = "123456789012", "eu-west-1"

CONFIGURATION = {
    "Runtime": "python3.11",
    "Handler": "app.handler",
    "Timeout": 9,
    "MemorySize": 512,
    "EphemeralStorage": {"Size": 1024},
    "Environment": {"Variables": {"A": "1"}},
    "Architectures": ["arm64"],
    "LoggingConfig": {
        "LogFormat": "JSON",
        "LogGroup": "/own/group",
        "ApplicationLogLevel": "DEBUG",
        "SystemLogLevel": "WARN",
    },
}


def a_key(name: str = "f", account: str = ACCOUNT, region: str = REGION) -> dict[str, Any]:
    return {"account": account, "region": region, "name": name}


def a_version(version: str = "$LATEST", name: str = "f", **members: Any) -> FunctionVersionRow:
    defaults: dict[str, Any] = {
        "generation": f"generation-of-{version}",
        "revision_id": "r1",
        "state": "Active",
        "last_modified": "2026-01-01T00:00:00.000+0000",
        "code_sha256": "ab" * 32,
        "code_size": 17,
    }
    return FunctionVersionRow(**a_key(name), version=version, **(defaults | members))


def store(database: Database, *rows: Any) -> None:
    with database.session() as session:
        session.add_all(rows)


def test_a_function_comes_with_its_versions_and_aliases(database: Database) -> None:
    store(
        database,
        FunctionRow(**a_key(), reserved_concurrency=7),
        a_version(configuration=CONFIGURATION),
        a_version("1", state="Pending"),
        AliasRow(**a_key(), alias="live", version="1", revision_id="r", weights={"2": 0.25}),
        AliasRow(**a_key(), alias="plain", version="$LATEST", revision_id="r"),
    )

    with database.reading() as session:
        record = load_function(session, ACCOUNT, REGION, "f")

    assert record is not None
    assert record.key == (ACCOUNT, REGION, "f")
    assert record.reserved_concurrency == 7
    assert record.aliases == {"live": Alias("live", "1", {"2": 0.25}), "plain": Alias("plain", "$LATEST")}
    assert set(record.versions) == {"$LATEST", "1"}
    assert record.versions["1"].state is State.PENDING
    assert record.versions["$LATEST"] == FunctionVersion(
        account=ACCOUNT,
        region=REGION,
        name="f",
        version="$LATEST",
        generation="generation-of-$LATEST",
        state=State.ACTIVE,
        runtime="python3.11",
        handler="app.handler",
        code_sha256="ab" * 32,
        code_size=17,
        timeout_s=9,
        memory_mb=512,
        ephemeral_mb=1024,
        environment={"A": "1"},
        architecture="arm64",
        log_group="/own/group",
        log_format="JSON",
        application_log_level="DEBUG",
        system_log_level="WARN",
    )


def test_absent_members_take_the_defaults_of_aws(database: Database) -> None:
    store(database, FunctionRow(**a_key()), a_version(configuration={}))

    with database.reading() as session:
        record = load_function(session, ACCOUNT, REGION, "f")

    assert record is not None
    latest = record.versions["$LATEST"]
    assert (latest.timeout_s, latest.memory_mb, latest.ephemeral_mb) == (3, 128, 512)
    assert (latest.environment, latest.architecture) == ({}, "x86_64")
    assert (latest.log_group, latest.log_format) == ("/aws/lambda/f", "Text")


def test_other_ray_options_are_another_generation_of_every_version(database: Database) -> None:
    store(database, FunctionRow(**a_key()), a_version(), a_version("1"))
    with database.reading() as session:
        before = load_function(session, ACCOUNT, REGION, "f")

    with database.session() as session:
        session.get_one(FunctionRow, (ACCOUNT, REGION, "f")).ray_options = {"num_gpus": 1.0}
    with database.reading() as session:
        after = load_function(session, ACCOUNT, REGION, "f")

    assert before is not None
    assert after is not None
    for version in ("$LATEST", "1"):
        assert after.versions[version].ray_options == RayOptions(num_gpus=1.0)
        assert after.versions[version].generation != before.versions[version].generation


def test_a_function_that_is_not_there_is_none(database: Database) -> None:
    store(database, FunctionRow(**a_key()), a_version())

    with database.reading() as session:
        assert load_function(session, ACCOUNT, REGION, "g") is None
        assert load_function(session, ACCOUNT, "us-east-1", "f") is None
        assert load_function(session, "210987654321", REGION, "f") is None


def test_all_functions_come_with_their_own_versions(database: Database) -> None:
    store(
        database,
        FunctionRow(**a_key("b")),
        FunctionRow(**a_key("a")),
        FunctionRow(**a_key("a", region="us-east-1")),
        a_version(name="a"),
        a_version(name="b"),
        a_version("1", name="b"),
    )

    with database.reading() as session:
        records = list(all_functions(session))

    assert [(record.region, record.name, sorted(record.versions)) for record in records] == [
        (REGION, "a", ["$LATEST"]),
        (REGION, "b", ["$LATEST", "1"]),
        ("us-east-1", "a", []),
    ]


def test_everything_tells_all_functions_and_which_are_to_be_activated(database: Database) -> None:
    store(
        database,
        *(FunctionRow(**a_key(name)) for name in ("failed", "new", "settled", "updated")),
        a_version(name="failed", state="Failed"),
        a_version(name="new", state="Pending"),
        a_version(name="settled", last_update_status="Successful"),
        a_version(name="updated"),
        a_version("1", name="updated", last_update_status="InProgress"),
    )

    records = StoredFunctions(database).everything()

    assert [(record.name, record.to_activate) for record in records] == [
        ("failed", False),
        ("new", True),
        ("settled", False),
        ("updated", True),
    ]


def test_functions_that_are_asked_for_come_as_they_are_now(database: Database) -> None:
    store(database, FunctionRow(**a_key("a")), a_version(name="a"), FunctionRow(**a_key("b")), a_version(name="b"))
    gone, there = (ACCOUNT, REGION, "gone"), (ACCOUNT, REGION, "a")

    found = StoredFunctions(database).now([gone, there])

    assert list(found) == [gone, there]
    assert found[gone] is None
    assert found[there] is not None
    assert found[there].key == there


def test_activation_returns_the_functions_as_they_are_then(database: Database) -> None:
    functions = StoredFunctions(database)
    for name in ("new", "newer"):
        store(database, FunctionRow(**a_key(name)), a_version(name=name, state="Pending"))
    keys = [(ACCOUNT, REGION, name) for name in ("new", "never-was", "newer")]

    records = functions.activate(keys)

    assert list(records) == keys
    assert records[keys[1]] is None
    active = [record for record in records.values() if record is not None]
    assert [(one.versions["$LATEST"].state, one.to_activate) for one in active] == [(State.ACTIVE, False)] * 2
    assert functions.everything() == active

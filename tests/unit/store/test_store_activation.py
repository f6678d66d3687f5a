"""Pending and InProgress end by themselves (lambda-reference.md 5)."""

from __future__ import annotations

from itertools import count
from typing import Any

from raylambda.store.changes import newest_change
from raylambda.store.engine import Database
from raylambda.store.functions import activate
from raylambda.store.tables import FunctionVersionRow

ACCOUNT, REGION = "123456789012", "eu-west-1"


def a_version(version: str = "$LATEST", name: str = "f", **members: Any) -> FunctionVersionRow:
    defaults: dict[str, Any] = {
        "generation": "g1",
        "revision_id": "before",
        "last_modified": "2026-01-01T00:00:00.000+0000",
        "code_sha256": "ab" * 32,
        "code_size": 17,
    }
    return FunctionVersionRow(account=ACCOUNT, region=REGION, name=name, version=version, **(defaults | members))


def activated(database: Database, *rows: FunctionVersionRow) -> list[FunctionVersionRow]:
    numbers = count(1)
    with database.session() as session:
        session.add_all(rows)
    with database.session() as session:
        activate(session, ACCOUNT, REGION, "f", lambda: f"after-{next(numbers)}")
    with database.reading() as session:
        return [session.get_one(FunctionVersionRow, (ACCOUNT, REGION, row.name, row.version)) for row in rows]


def test_a_new_function_becomes_active_and_successful(database: Database) -> None:
    [row] = activated(
        database,
        a_version(state="Pending", state_reason="The function is being created.", state_reason_code="Creating"),
    )

    assert (row.state, row.state_reason, row.state_reason_code) == ("Active", None, None)
    assert (row.last_update_status, row.revision_id, row.generation) == ("Successful", "after-1", "g1")


def test_an_update_becomes_successful(database: Database) -> None:
    [row] = activated(
        database,
        a_version(
            state="Active",
            last_update_status="InProgress",
            last_update_status_reason="The function is being created.",
            last_update_status_reason_code="Creating",
        ),
    )

    assert (row.state, row.last_update_status) == ("Active", "Successful")
    assert (row.last_update_status_reason, row.last_update_status_reason_code) == (None, None)
    assert row.revision_id == "after-1"


def test_what_is_usable_or_another_functions_is_left_alone(database: Database) -> None:
    rows = activated(
        database,
        a_version(state="Active", last_update_status="Successful"),
        a_version("1", state="Failed"),
        a_version(name="other", state="Pending"),
    )

    assert [row.revision_id for row in rows] == ["before"] * 3


def test_activation_records_no_change(database: Database) -> None:
    activated(database, a_version(state="Pending"), a_version("1", state="Pending"))

    with database.reading() as session:
        assert newest_change(session) == 0

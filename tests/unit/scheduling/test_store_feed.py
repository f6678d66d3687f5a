"""The feed over the SQL store, on every database."""

from __future__ import annotations

from raylambda.scheduling.store_feed import StoreFeed

from raylambda.model.function import State
from raylambda.store.changes import ChangeKind, record_change
from raylambda.store.engine import Database
from raylambda.store.tables import FunctionRow, FunctionVersionRow

ACCOUNT, REGION = "123456789012", "us-east-1"


def write(
    database: Database, name: str, generation: str = "g1", state: str = "Pending", status: str | None = None
) -> None:
    """What an operation leaves behind: a function with ``$LATEST``, and a change."""
    with database.session() as session:
        session.merge(FunctionRow(account=ACCOUNT, region=REGION, name=name))
        session.merge(
            FunctionVersionRow(
                account=ACCOUNT,
                region=REGION,
                name=name,
                version="$LATEST",
                generation=generation,
                revision_id="r1",
                state=state,
                last_update_status=status,
                last_modified="2027-01-15T08:00:00.000+0000",
                code_sha256="0" * 64,
                code_size=1,
            )
        )
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)


def delete(database: Database, name: str) -> None:
    with database.session() as session:
        session.delete(session.get_one(FunctionVersionRow, (ACCOUNT, REGION, name, "$LATEST")))
        session.delete(session.get_one(FunctionRow, (ACCOUNT, REGION, name)))
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)


def key(name: str) -> tuple[str, str, str]:
    return (ACCOUNT, REGION, name)


def test_everything_tells_all_functions_and_which_wait(database: Database) -> None:
    write(database, "new")
    write(database, "settled", state="Active", status="Successful")
    write(database, "updated", state="Active", status="InProgress")

    update = StoreFeed(database).everything()

    assert [record_key for record_key, _ in update.records] == [key("new"), key("settled"), key("updated")]
    assert sorted(update.waiting) == [key("new"), key("updated")]
    assert StoreFeed(database).since(update.number).records == ()


def test_what_changed_is_told_once_as_it_is_now(database: Database) -> None:
    feed = StoreFeed(database)
    write(database, "gone")
    before = feed.everything().number
    write(database, "twice")
    write(database, "twice", generation="g2")
    delete(database, "gone")

    update = feed.since(before)

    assert update.number == before + 3
    [(twice, record), gone] = update.records
    assert record is not None
    assert (twice, record.versions["$LATEST"].generation) == (key("twice"), "g2")
    assert gone == (key("gone"), None)
    assert update.waiting == [key("twice")]


def test_activation_returns_the_function_as_it_is_then_and_is_no_change(database: Database) -> None:
    feed = StoreFeed(database)
    write(database, "new")
    number = feed.everything().number

    record = feed.activate(key("new"))

    assert record is not None
    assert record.versions["$LATEST"].state is State.ACTIVE
    assert feed.everything().waiting == []
    assert feed.since(number).records == ()
    assert feed.activate(key("never-was")) is None


def test_a_commit_tells_the_number_that_the_feed_then_covers(database: Database) -> None:
    heard: list[int] = []
    database.on_commit(heard.append)

    write(database, "new")

    assert StoreFeed(database).everything().number == heard[-1]

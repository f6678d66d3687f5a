"""The follower of the change feed: what is committed is applied, by whoever committed it, however long one was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event, exc
from sqlmodel import Session, col, delete, select

from raylambda.store.changes import ABSENT_S, ChangeKind, record_change
from raylambda.store.engine import Database
from raylambda.store.errors import StoreUnavailable
from raylambda.store.following import ChangeFollower
from raylambda.store.functions import StoredFunctions
from raylambda.store.tables import ChangeRow, FollowerRow, FunctionRow
from raylambda.testing.clock import ManualClock
from tests.waiting import reached

pytestmark = pytest.mark.anyio

ACCOUNT, REGION = "123456789012", "eu-west-1"
NEVER_S = 3600.0

Key = tuple[str, str, str]


def key(name: str) -> Key:
    return (ACCOUNT, REGION, name)


class Known:
    """A subscriber that knows which functions there are, and what it was told."""

    def __init__(self, database: Database) -> None:
        self._functions = StoredFunctions(database)
        self.names: set[str] = set()
        self.loads = 0
        self.applied: list[list[str]] = []
        self.told = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails: Exception | None = None

    async def load(self) -> None:
        self.loads += 1
        self.names = {record.name for record in await asyncio.to_thread(self._functions.everything)}

    async def apply(self, keys: Sequence[Key]) -> None:
        if self.fails is not None:
            raise self.fails
        for one, record in (await asyncio.to_thread(self._functions.now, keys)).items():
            (self.names.discard if record is None else self.names.add)(one[2])
        self.applied.append([one[2] for one in keys])
        self.told.set()
        await self.gate.wait()


class Switch:
    """Makes a database unreachable for a while."""

    def __init__(self, database: Database) -> None:
        self.off = False
        event.listen(database.engine, "begin", self._refuse)

    def _refuse(self, _connection: object) -> None:
        if self.off:
            raise exc.OperationalError("BEGIN", None, Exception("the server is away"))


def create(database: Database, name: str) -> None:
    with database.session() as session:
        session.merge(FunctionRow(account=ACCOUNT, region=REGION, name=name))
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)


def remove(database: Database, name: str) -> None:
    with database.session() as session:
        session.delete(session.get_one(FunctionRow, key(name)))
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)


def numbers(session: Session) -> list[int | None]:
    return list(session.exec(select(ChangeRow.number).order_by(col(ChangeRow.number))))


def kept(database: Database) -> list[int | None]:
    with database.reading() as session:
        return numbers(session)


def positions(database: Database) -> dict[str, int]:
    with database.reading() as session:
        return {row.follower_id: row.applied for row in session.exec(select(FollowerRow))}


def another_process(database: Database) -> Database:
    """The same database, whose commits the follower does not hear of."""
    return Database(database.engine)


class Following:
    def __init__(
        self,
        database: Database,
        clock: ManualClock | None = None,
        follower_id: str = "one",
        poll_s: float = NEVER_S,
        heartbeat_s: float = NEVER_S,
    ) -> None:
        self.known = Known(database)
        self.follower = ChangeFollower(
            database, {ChangeKind.FUNCTION: self.known}, clock or ManualClock(), follower_id, poll_s, heartbeat_s
        )

    async def turn(self) -> None:
        """What the two loops of an open follower do now and then."""
        await self.follower.catch_up()
        await self.follower.keep_position()


@asynccontextmanager
async def following(
    database: Database, poll_s: float = NEVER_S, heartbeat_s: float = NEVER_S
) -> AsyncIterator[Following]:
    followed = Following(database, poll_s=poll_s, heartbeat_s=heartbeat_s)
    await followed.follower.open()
    try:
        yield followed
    finally:
        await followed.follower.close()


async def test_at_the_start_everything_is_loaded(database: Database) -> None:
    create(database, "before")

    async with following(database) as followed:
        assert followed.known.names == {"before"}


async def test_a_commit_of_this_process_is_applied_before_its_next_call(database: Database) -> None:
    async with following(database) as followed:
        await asyncio.to_thread(create, database, "new")

        await followed.follower.caught_up()

        assert followed.known.names == {"new"}


async def test_each_one_is_told_once_a_round_and_other_kinds_to_nobody(database: Database) -> None:
    create(database, "before")
    async with following(database) as followed:
        elsewhere = another_process(database)
        create(elsewhere, "b")
        create(elsewhere, "a")
        remove(elsewhere, "b")
        with elsewhere.session() as session:
            session.add(ChangeRow(kind="of-a-newer-raylambda", account=ACCOUNT, region=REGION, name="c"))

        await followed.follower.catch_up()
        await followed.follower.catch_up()

        assert followed.known.applied == [["b", "a"]]
        assert followed.known.names == {"before", "a"}
        assert followed.follower.describe()["applied_change"] == kept(database)[-1]


async def test_who_waits_for_a_change_does_not_wait_for_later_ones(database: Database) -> None:
    create(database, "before")
    async with following(database) as followed:
        followed.known.gate.clear()
        await asyncio.to_thread(create, database, "first")
        waiting = asyncio.create_task(followed.follower.settled(kept(database)[-1] or 0))
        up_to_now = asyncio.create_task(followed.follower.caught_up())
        await followed.known.told.wait()
        assert not waiting.done()
        await asyncio.to_thread(create, database, "second")
        followed.known.gate.set()
        followed.known.gate.clear()  # the round of "first" ends, the one of "second" does not

        await asyncio.wait_for(asyncio.gather(waiting, up_to_now), 30)

        followed.known.gate.set()
        assert followed.known.applied[0] == ["first"]


async def test_without_news_nobody_waits_and_nothing_is_read(database: Database) -> None:
    create(database, "before")
    async with following(database) as followed:
        caught_up = followed.follower.caught_up()

        with pytest.raises(StopIteration):  # it ends without having given up its turn once
            caught_up.send(None)


async def test_commits_of_other_processes_are_found_by_polling(database: Database) -> None:
    create(database, "before")
    async with following(database, poll_s=0.001) as followed:
        create(another_process(database), "new")

        await asyncio.wait_for(followed.known.told.wait(), 30)

        assert followed.known.names == {"before", "new"}


async def test_a_change_during_a_round_is_not_missed(database: Database) -> None:
    create(database, "before")
    async with following(database) as followed:
        followed.known.gate.clear()
        create(database, "first")
        await followed.known.told.wait()
        create(database, "second")
        followed.known.gate.set()

        await followed.follower.caught_up()

        assert followed.known.names == {"before", "first", "second"}


async def test_while_the_store_is_away_what_is_known_serves_and_nobody_waits(database: Database) -> None:
    create(database, "before")
    switch = Switch(database)
    async with following(database) as followed:
        create(database, "unseen")
        switch.off = True

        await followed.follower.caught_up()

        assert followed.follower.describe()["failing"] is True
        assert followed.known.names == {"before"}
        switch.off = False
        create(database, "after")
        await reached(lambda: followed.follower.describe()["failing"] is False)
        assert followed.known.names == {"before", "unseen", "after"}


async def test_a_change_that_cannot_be_applied_holds_nobody_up_and_is_tried_again(database: Database) -> None:
    create(database, "before")
    async with following(database, poll_s=0.001) as followed:
        followed.known.fails = ValueError("a mistake of ours")
        create(database, "after")

        await followed.follower.caught_up()

        assert followed.follower.describe()["failing"] is True
        followed.known.fails = None
        await reached(lambda: followed.follower.describe()["failing"] is False)
        assert followed.known.names == {"before", "after"}


async def test_without_its_store_nothing_starts(database: Database) -> None:
    Switch(database).off = True

    with pytest.raises(StoreUnavailable):
        await Following(database).follower.open()


async def test_a_follower_keeps_its_position_prunes_and_takes_it_away_when_it_closes(database: Database) -> None:
    create(database, "a")
    create(database, "b")
    async with following(database, heartbeat_s=0.001):
        create(database, "c")

        await reached(lambda: len(kept(database)) == 1)

        assert positions(database) == {"one": kept(database)[0]}

    assert positions(database) == {}


async def test_no_position_is_written_where_an_operation_commits(database: Database) -> None:
    create(database, "before")
    async with following(database) as followed:
        await reached(lambda: positions(database))
        at_the_start = positions(database)

        for number in range(20):
            create(database, f"f{number}")
        await followed.follower.caught_up()

        assert positions(database) == at_the_start


async def test_a_live_follower_that_is_behind_holds_back_what_it_has_not_seen(database: Database) -> None:
    create(database, "before")
    clock = ManualClock()
    behind, ahead = Following(database, clock, "behind"), Following(database, clock, "ahead")
    for one in (behind, ahead):
        await one.turn()
    for number in range(5):
        create(database, f"f{number}")

    await ahead.turn()
    await behind.follower.catch_up()

    assert behind.known.loads == 1
    assert behind.known.applied == [[f"f{number}" for number in range(5)]]


@pytest.mark.parametrize("away_s", [60.0, ABSENT_S + 1])
async def test_a_thousand_changes_while_a_follower_is_away_and_pruning_meanwhile(
    database: Database, away_s: float
) -> None:
    for name in ("stays", "goes"):
        create(database, name)
    clock = ManualClock()
    away, here = Following(database, clock, "away"), Following(database, clock, "here")
    for one in (away, here):
        await one.turn()

    with database.session() as session:
        session.delete(session.get_one(FunctionRow, key("goes")))
        record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, "goes")
        for number in range(1000):
            session.merge(FunctionRow(account=ACCOUNT, region=REGION, name=f"f{number % 50}"))
            record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, f"f{number % 50}")
    clock.advance(away_s)
    await here.turn()
    waited_for = away_s < ABSENT_S
    assert len(kept(database)) == (1002 if waited_for else 1)

    await away.turn()
    await here.follower.keep_position()

    assert away.known.names == here.known.names == {"stays", *(f"f{number}" for number in range(50))}
    assert away.known.loads == (1 if waited_for else 2)
    assert len(kept(database)) == 1
    assert set(positions(database)) == {"away", "here"}


async def test_a_follower_of_an_empty_store_misses_nothing_when_it_was_not_waited_for(database: Database) -> None:
    clock = ManualClock()
    away, here = Following(database, clock, "away"), Following(database, clock, "here")
    await away.turn()
    create(database, "a")
    create(database, "b")
    clock.advance(ABSENT_S + 1)
    await here.turn()

    await away.follower.catch_up()

    assert away.known.names == {"a", "b"}


async def test_nobody_waits_for_changes_that_the_database_has_lost(database: Database) -> None:
    create(database, "kept")
    async with following(database) as followed:
        await asyncio.to_thread(create, database, "lost")
        await followed.follower.caught_up()
        with database.session() as session:
            newest = numbers(session)[-1]
            session.exec(delete(ChangeRow).where(col(ChangeRow.number) == newest))
            session.exec(delete(FunctionRow).where(col(FunctionRow.name) == "lost"))

        await followed.follower.catch_up()
        await asyncio.wait_for(followed.follower.caught_up(), 30)

        assert followed.known.names == {"kept"}

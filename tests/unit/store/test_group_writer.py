"""Small units of work share commits, and never each other's failures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlmodel import Session

from raylambda.store.engine import Database
from raylambda.store.errors import StoreConflict, StoreUnavailable
from raylambda.store.events import accept_event
from raylambda.store.group_writer import GroupWriter
from tests.builders import a_call
from tests.unit.queue.scripted_queue import count_events


class CountingDatabase(Database):
    """Counts its transactions; ``away`` lets all of them fail."""

    transactions = 0
    away = False

    @contextmanager
    def shared(self) -> Iterator[Session]:
        self.transactions += 1
        if self.away:
            raise StoreUnavailable("gone fishing")
        with super().shared() as session:
            yield session


@pytest.fixture
def counting(database: Database) -> CountingDatabase:
    return CountingDatabase(database.engine)


async def accept(writer: GroupWriter, request_id: str) -> str:
    def unit(session: Session) -> str:
        accept_event(session, a_call(request_id=request_id), 1.0)
        return request_id

    return await writer.write(unit)


def test_each_unit_gets_its_own_result_from_few_commits(counting: CountingDatabase) -> None:
    async def scenario() -> list[str]:
        writer = GroupWriter(counting)
        return await asyncio.gather(*(accept(writer, f"r{n}") for n in range(100)))

    assert asyncio.run(scenario()) == [f"r{n}" for n in range(100)]
    assert count_events(counting) == 100
    assert counting.transactions < 10


def test_a_unit_that_fails_spoils_nobody_elses(counting: CountingDatabase) -> None:
    def fail(session: Session) -> None:
        raise ValueError("mine alone")

    async def scenario() -> tuple[Any, ...]:
        writer = GroupWriter(counting)
        twice = (accept(writer, "twice"), accept(writer, "twice"))
        return await asyncio.gather(
            accept(writer, "a"), writer.write(fail), *twice, accept(writer, "b"), return_exceptions=True
        )

    a, failure, first, second, b = asyncio.run(scenario())

    assert (a, first, b) == ("a", "twice", "b")
    assert isinstance(failure, ValueError)
    assert isinstance(second, StoreConflict)
    assert count_events(counting) == 3


def test_a_store_that_is_away_is_asked_once_for_all(counting: CountingDatabase) -> None:
    async def scenario() -> list[Any]:
        writer = GroupWriter(counting)
        counting.away = True
        failures = await asyncio.gather(*(accept(writer, f"r{n}") for n in range(20)), return_exceptions=True)
        counting.away = False
        await accept(writer, "later")
        return failures

    failures = asyncio.run(scenario())

    assert all(type(failure) is StoreUnavailable for failure in failures)
    assert counting.transactions == 2
    assert count_events(counting) == 1


def test_who_stops_waiting_disturbs_nobody(counting: CountingDatabase) -> None:
    async def scenario() -> None:
        writer = GroupWriter(counting)
        impatient = asyncio.create_task(accept(writer, "impatient"))
        patient = asyncio.create_task(accept(writer, "patient"))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await patient == "patient"

    asyncio.run(scenario())

    assert count_events(counting) == 2

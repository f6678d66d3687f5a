"""The follower keeps registry, admission and fleet in step with the store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from raylambda.model.errors import ResourceNotFoundException, ThrottleReason
from raylambda.model.function import FunctionKey, FunctionRecord, State
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.follower import Follower, Update
from raylambda.scheduling.registry import Registry
from raylambda.store.errors import StoreUnavailable
from tests.builders import a_version
from tests.unit.scheduling.platform_on_fakes import KEY, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class MemoryFeed:
    """A store in memory, with the promises of ``FunctionFeed``."""

    def __init__(self) -> None:
        self.changes: list[FunctionKey] = []
        self.records: dict[FunctionKey, FunctionRecord] = {}
        self.waiting: set[FunctionKey] = set()
        self.fails = False
        self.activated: list[FunctionKey] = []
        self.reading = threading.Event()
        self.reading.set()

    def write(self, key: FunctionKey, record: FunctionRecord | None) -> int:
        self.changes.append(key)
        self.waiting.discard(key)
        self.records.pop(key, None)
        if record is not None:
            self.records[key] = record
            self.waiting.add(key)
        return len(self.changes)

    def everything(self) -> Update:
        return self._update(list(self.records))

    def since(self, number: int) -> Update:
        self.reading.wait()
        return self._update(list(dict.fromkeys(self.changes[number:])))

    def activate(self, key: FunctionKey) -> FunctionRecord | None:
        self._require_store()
        self.activated.append(key)
        self.waiting.discard(key)
        record = self.records.get(key)
        if record is not None:
            versions = {number: replace(version, state=State.ACTIVE) for number, version in record.versions.items()}
            self.records[key] = replace(record, versions=versions)
        return self.records.get(key)

    def _update(self, keys: Sequence[FunctionKey]) -> Update:
        self._require_store()
        records = [(key, self.records.get(key)) for key in keys]
        return Update(len(self.changes), records, [key for key in keys if key in self.waiting])

    def _require_store(self) -> None:
        if self.fails:
            raise StoreUnavailable("the disk is full")


class Retired:
    """Remembers what the fleet is told, and which version the registry had then."""

    def __init__(self, feed: MemoryFeed) -> None:
        self.feed = feed
        self.seen: list[tuple[FunctionKey, frozenset[tuple[str, str]], int]] = []

    def retire(self, key: FunctionKey, current: frozenset[tuple[str, str]]) -> None:
        self.seen.append((key, current, len(self.feed.activated)))


class Setting:
    def __init__(self, poll_s: float) -> None:
        self.feed = MemoryFeed()
        self.registry = Registry()
        self.admission = Admission(1000)
        self.fleet = Retired(self.feed)
        self.follower = Follower(self.feed, self.registry, self.admission, self.fleet, poll_s)

    def resolve(self, name: str = "hello") -> str:
        return self.registry.resolve("123456789012", "us-east-1", name, None).version.generation


@asynccontextmanager
async def following(poll_s: float = 3600.0, *records: FunctionRecord) -> AsyncIterator[Setting]:
    setting = Setting(poll_s)
    for record in records:
        setting.feed.write(record.key, record)
    await setting.follower.open()
    try:
        yield setting
    finally:
        setting.feed.reading.set()
        await setting.follower.close()


def a_record(reserved: int | None = None, **changes: object) -> FunctionRecord:
    version = a_version(state=State.PENDING, **changes)
    return FunctionRecord(version.account, version.region, version.name, {"$LATEST": version}, {}, reserved)


async def test_at_the_start_everything_is_loaded_and_what_was_left_pending_activated() -> None:
    async with following(3600.0, a_record(), a_record(name="other", reserved=0)) as setting:
        assert setting.resolve() == "g1"
        assert setting.resolve("other") == "g1"
        assert setting.admission.admit(("123456789012", "us-east-1", "other")) is ThrottleReason.FUNCTION
        assert len(setting.feed.activated) == 2


async def test_a_write_of_this_process_is_seen_by_its_next_call() -> None:
    async with following() as setting:
        number = setting.feed.write(KEY, a_record())
        setting.follower.heard(number)

        await setting.follower.caught_up()

        assert setting.resolve() == "g1"


async def test_a_write_is_heard_from_any_thread() -> None:
    async with following() as setting:
        number = setting.feed.write(KEY, a_record())
        await asyncio.to_thread(setting.follower.heard, number)

        await setting.follower.caught_up()

        assert setting.resolve() == "g1"


async def test_without_news_nobody_waits_and_nothing_is_read() -> None:
    async with following() as setting:
        setting.feed.fails = True

        await setting.follower.caught_up()

        assert setting.follower.describe()["store_fails"] is False


async def test_writes_of_other_processes_are_found_by_polling() -> None:
    async with following(poll_s=0.001) as setting:
        setting.feed.write(KEY, a_record())

        await until(lambda: setting.registry.get(KEY))


async def test_an_update_is_activated_only_after_the_fleet_retires_the_old_generation() -> None:
    async with following(3600.0, a_record()) as setting:
        activated_before = len(setting.feed.activated)
        setting.follower.heard(setting.feed.write(KEY, a_record(generation="g2")))
        await setting.follower.caught_up()

        key, current, activated = setting.fleet.seen[1 + activated_before]
        assert (key, current) == (KEY, frozenset({("$LATEST", "g2")}))
        assert activated == activated_before
        assert len(setting.feed.activated) == activated_before + 1
        assert setting.resolve() == "g2"


async def test_a_deleted_function_is_forgotten_everywhere() -> None:
    async with following(3600.0, a_record(reserved=0)) as setting:
        setting.follower.heard(setting.feed.write(KEY, None))
        await setting.follower.caught_up()

        assert setting.fleet.seen[-1][:2] == (KEY, frozenset())
        assert setting.admission.admit(KEY) is None
        with pytest.raises(ResourceNotFoundException):
            setting.resolve()


async def test_a_change_during_a_round_is_not_missed() -> None:
    async with following() as setting:
        setting.feed.reading.clear()
        setting.follower.heard(setting.feed.write(KEY, a_record()))
        waiting = asyncio.ensure_future(setting.follower.caught_up())
        await asyncio.sleep(0)
        setting.follower.heard(setting.feed.write(KEY, a_record(generation="g2")))
        setting.feed.reading.set()

        await waiting

        assert setting.resolve() == "g2"


async def test_while_the_store_fails_known_functions_go_on_and_nobody_waits() -> None:
    async with following(0.001, a_record()) as setting:
        setting.feed.fails = True
        setting.follower.heard(setting.feed.write(KEY, a_record(generation="g2")))
        await setting.follower.caught_up()

        assert setting.resolve() == "g1"
        assert setting.follower.describe()["store_fails"] is True

        setting.feed.fails = False
        await until(lambda: setting.follower.describe()["store_fails"] is False)
        assert setting.resolve() == "g2"


async def test_a_platform_without_its_store_does_not_start() -> None:
    setting = Setting(3600.0)
    setting.feed.fails = True

    with pytest.raises(StoreUnavailable):
        await setting.follower.open()

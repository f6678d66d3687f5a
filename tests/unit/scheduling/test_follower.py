"""The subscriber of functions keeps registry, admission and fleet in step with the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from raylambda.model.errors import ResourceNotFoundException, ThrottleReason
from raylambda.model.function import FunctionKey, FunctionRecord, FunctionVersion, State
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.follower import FunctionSubscriber
from raylambda.scheduling.registry import Registry
from raylambda.store.errors import StoreUnavailable
from tests.builders import ACCOUNT, KEY, REGION, a_record, a_version

pytestmark = pytest.mark.anyio

OTHER = (ACCOUNT, REGION, "other")


class MemoryFunctions:
    """A store in memory, with the promises of ``Functions``."""

    def __init__(self) -> None:
        self.records: dict[FunctionKey, FunctionRecord] = {}
        self.units: list[list[FunctionKey]] = []
        self.activation_fails = False

    def write(self, record: FunctionRecord) -> None:
        self.records[record.key] = record

    def everything(self) -> list[FunctionRecord]:
        return list(self.records.values())

    def now(self, keys: Iterable[FunctionKey]) -> Mapping[FunctionKey, FunctionRecord | None]:
        return {key: self.records.get(key) for key in keys}

    def activate(self, keys: Iterable[FunctionKey]) -> Mapping[FunctionKey, FunctionRecord | None]:
        if self.activation_fails:
            raise StoreUnavailable("the disk is full")
        keys = list(keys)
        self.units.append(keys)
        for key in keys:
            record = self.records.get(key)
            if record is not None:
                versions = {number: replace(version, state=State.ACTIVE) for number, version in record.versions.items()}
                self.records[key] = replace(record, versions=versions, to_activate=False)
        return self.now(keys)

    @property
    def activated(self) -> list[FunctionKey]:
        """Every activation of a function."""
        return [key for unit in self.units for key in unit]


class Retired:
    """Remembers what the fleet is told, and how many functions had been activated by then."""

    def __init__(self, functions: MemoryFunctions) -> None:
        self.functions = functions
        self.code: list[tuple[str, State]] = []
        self.seen: list[tuple[FunctionKey, frozenset[tuple[str, str]], int]] = []

    def retire(self, key: FunctionKey, current: frozenset[tuple[str, str]]) -> None:
        self.seen.append((key, current, len(self.functions.activated)))

    def code_came(self, version: FunctionVersion) -> None:
        self.code.append((version.code_sha256, version.state))


class Setting:
    def __init__(self, *records: FunctionRecord) -> None:
        self.functions = MemoryFunctions()
        self.registry = Registry()
        self.admission = Admission(1000)
        self.fleet = Retired(self.functions)
        self.subscriber = FunctionSubscriber(self.functions, self.registry, self.admission, self.fleet)
        for record in records:
            self.functions.write(record)

    def resolve(self, name: str = "hello") -> str:
        return self.registry.resolve(ACCOUNT, REGION, name, None).version.generation

    def knows(self, key: FunctionKey) -> bool:
        return self.registry.get(key) is not None


def pending(reserved: int | None = None, **version: object) -> FunctionRecord:
    """Just written: to be activated."""
    return a_record(a_version(state=State.PENDING, **version), reserved_concurrency=reserved, to_activate=True)


async def test_everything_is_loaded_and_what_was_left_pending_activated() -> None:
    setting = Setting(pending(), pending(name="other", reserved=0))

    await setting.subscriber.load()

    assert setting.resolve() == "g1"
    assert setting.resolve("other") == "g1"
    assert setting.admission.admit(OTHER) is ThrottleReason.FUNCTION
    assert sorted(setting.functions.activated) == [KEY, OTHER]


async def test_a_change_is_taken_in_and_nothing_else_is_touched() -> None:
    setting = Setting(pending(), pending(name="other"))
    await setting.subscriber.load()
    told_before = len(setting.fleet.seen)
    setting.functions.write(pending(reserved=0, generation="g2"))

    await setting.subscriber.apply([KEY])

    assert (setting.resolve(), setting.resolve("other")) == ("g2", "g1")
    assert setting.admission.admit(KEY) is ThrottleReason.FUNCTION
    assert {key for key, _, _ in setting.fleet.seen[told_before:]} == {KEY}


async def test_an_update_is_activated_only_after_the_fleet_retires_the_old_generation() -> None:
    setting = Setting(pending())
    await setting.subscriber.load()
    activated_before, told_before = len(setting.functions.activated), len(setting.fleet.seen)
    setting.functions.write(pending(generation="g2"))

    await setting.subscriber.apply([KEY])

    first = setting.fleet.seen[told_before]
    assert first == (KEY, frozenset({("$LATEST", "g2")}), activated_before)
    assert len(setting.functions.activated) == activated_before + 1
    assert setting.resolve() == "g2"


async def test_all_changes_of_a_round_are_activated_in_one_unit_of_work_and_after_the_fleet_knows_them() -> None:
    setting = Setting()
    names = [f"fn{number}" for number in range(30)]
    for name in names:
        setting.functions.write(pending(name=name))
    keys = [(ACCOUNT, REGION, name) for name in names]

    await setting.subscriber.apply(keys)

    assert setting.functions.units == [keys]
    assert [setting.resolve(name) for name in names] == ["g1"] * len(names)
    assert [(key, before) for key, _, before in setting.fleet.seen[: len(keys)]] == [(key, 0) for key in keys]


async def test_only_code_that_is_new_to_a_function_goes_ahead_to_the_nodes_and_after_its_activation() -> None:
    setting = Setting(pending(code_sha256="1" * 64))
    await setting.subscriber.load()
    setting.fleet.code.clear()

    for code, generation in (("1", "g2"), ("2", "g3"), ("2", "g4")):
        setting.functions.write(pending(code_sha256=code * 64, generation=generation))
        await setting.subscriber.apply([KEY])
    setting.functions.write(pending(code_sha256="3" * 64, generation="g5"))
    await setting.subscriber.load()

    assert setting.fleet.code == [("2" * 64, State.ACTIVE), ("3" * 64, State.ACTIVE)]


async def test_what_needs_no_activation_is_not_written() -> None:
    setting = Setting(a_record())

    await setting.subscriber.load()

    assert setting.resolve() == "g1"
    assert setting.functions.activated == []


async def test_a_deleted_function_is_forgotten_everywhere() -> None:
    setting = Setting(pending(reserved=0))
    await setting.subscriber.load()
    setting.functions.records.clear()

    await setting.subscriber.apply([KEY])

    assert setting.fleet.seen[-1][:2] == (KEY, frozenset())
    assert setting.admission.admit(KEY) is None
    with pytest.raises(ResourceNotFoundException):
        setting.resolve()


async def test_loading_anew_lets_go_of_what_is_gone() -> None:
    setting = Setting(pending(reserved=0), pending(name="other"))
    await setting.subscriber.load()
    del setting.functions.records[KEY]

    await setting.subscriber.load()

    assert (setting.knows(KEY), setting.knows(OTHER)) == (False, True)
    assert (KEY, frozenset()) in [told[:2] for told in setting.fleet.seen]
    assert setting.admission.admit(KEY) is None


async def test_when_activation_fails_the_change_is_known_and_doing_it_again_ends_it() -> None:
    setting = Setting()
    setting.functions.write(pending())
    setting.functions.activation_fails = True

    with pytest.raises(StoreUnavailable):
        await setting.subscriber.apply([KEY])

    assert setting.knows(KEY)
    setting.functions.activation_fails = False
    await setting.subscriber.apply([KEY])
    assert setting.resolve() == "g1"

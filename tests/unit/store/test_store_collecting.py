"""Packages without a version go, and a version never loses its package: on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raylambda.frontdoor.code_links import LINK_S
from raylambda.store.collecting import GRACE_S, PackageCollector
from raylambda.store.engine import Database
from raylambda.store.errors import StoreConflict, StoreUnavailable
from raylambda.testing.codestore import MemoryCodeStore
from tests.unit.services.lambda_.control_plane import ControlPlane, a_function, a_package, the_refusal_of, zip_member

SOURCES = [f"def handler(event, context): return {number}\n" for number in range(3)]


class WatchedCodeStore(MemoryCodeStore):
    """Calls ``after_put`` each time that a package was put."""

    def __init__(self) -> None:
        super().__init__()
        self.after_put: Callable[[], None] = lambda: None

    def put(self, data: bytes) -> str:
        sha256 = super().put(data)
        self.after_put()
        return sha256


class CollectedPlane:
    """A control plane with a collector whose time passes by hand."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.store = plane.code_store = WatchedCodeStore()
        self.collector = PackageCollector(plane.database, self.store, plane.uploads, plane.clock)

    def collect_after(self, seconds: float) -> None:
        self.plane.clock.advance(seconds)
        self.collector.collect()

    def collect_all(self) -> None:
        """Long enough, with looks at both ends."""
        self.collect_after(0)
        self.collect_after(GRACE_S)

    def with_retries(self, act: Callable[[], object]) -> None:
        """As the front door does."""
        for _ in range(2):
            try:
                act()
            except StoreConflict:
                continue
            return
        act()


@pytest.fixture
def collected(database: Database, tmp_path: Path) -> CollectedPlane:
    return CollectedPlane(ControlPlane(database, uploads=tmp_path / "uploads"))


def test_a_package_goes_a_while_after_its_last_version(collected: CollectedPlane) -> None:
    collected.plane.active("fn")
    collected.plane.active("other", Code={"ZipFile": zip_member(SOURCES[0])})
    collected.collect_all()
    assert set(collected.store.packages.values()) == {a_package(), a_package(SOURCES[0])}

    collected.plane.call("DeleteFunction", FunctionName="fn")
    collected.collect_after(0)
    collected.collect_after(GRACE_S - 1)
    assert a_package() in collected.store.packages.values()
    collected.collect_after(1)

    assert list(collected.store.packages.values()) == [a_package(SOURCES[0])]


def test_the_wait_is_longer_than_a_link_is_good() -> None:
    assert GRACE_S > LINK_S


def test_a_package_that_is_needed_again_starts_to_wait_anew(collected: CollectedPlane) -> None:
    collected.plane.active("fn")
    for _ in range(2):
        collected.plane.call("DeleteFunction", FunctionName="fn")
        collected.collect_after(0)
        collected.collect_after(GRACE_S - 1)
        collected.plane.active("fn")
        collected.collect_after(1)

    assert list(collected.store.packages.values()) == [a_package()]


def test_a_package_that_a_published_version_has_stays(collected: CollectedPlane) -> None:
    collected.plane.active("fn", Publish=True)
    collected.plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member(SOURCES[1]))

    collected.collect_all()

    assert set(collected.store.packages.values()) == {a_package(), a_package(SOURCES[1])}


def test_packages_of_refused_calls_go(collected: CollectedPlane) -> None:
    def lose_the_race() -> None:
        collected.store.after_put = lambda: None
        collected.plane.create("fn")

    collected.store.after_put = lose_the_race
    late = a_function("fn", Code={"ZipFile": zip_member(SOURCES[2])})
    assert the_refusal_of(lambda: collected.plane.call("CreateFunction", **late)).status == 409
    assert len(collected.store.packages) == 2

    collected.collect_all()

    assert list(collected.store.packages.values()) == [a_package()]


def test_a_package_that_was_collected_while_its_function_was_created_is_stored_again(collected: CollectedPlane) -> None:
    collected.plane.active("fn")
    collected.plane.call("DeleteFunction", FunctionName="fn")
    collected.collect_after(0)
    times = 0

    def collect_once() -> None:
        nonlocal times
        times += 1
        if times == 1:
            collected.collect_after(GRACE_S)
            assert collected.store.packages == {}

    collected.store.after_put = collect_once
    collected.with_retries(lambda: collected.plane.create("fn"))

    assert times == 2
    assert list(collected.store.packages.values()) == [a_package()]


def test_a_store_that_is_away_is_asked_again(collected: CollectedPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    collected.store.put(b"nobody's")

    def refuse(_sha256: str) -> None:
        raise StoreUnavailable("away")

    collected.collect_after(0)
    with monkeypatch.context() as away:
        away.setattr(collected.store, "remove", refuse)
        with pytest.raises(StoreUnavailable):
            collected.collect_after(GRACE_S)
    collected.collect_after(1)

    assert collected.store.packages == {}


names, sources = st.sampled_from(["a", "b"]), st.sampled_from(SOURCES)
steps = st.one_of(
    st.tuples(st.just("create"), names, sources),
    st.tuples(st.just("update"), names, sources),
    st.tuples(st.just("create while it is collected"), names, sources),
    st.tuples(st.just("delete"), names, st.just("")),
    st.tuples(st.just("collect"), st.sampled_from(["0", "400", str(GRACE_S)]), st.just("")),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=st.lists(steps, max_size=14))
def test_whatever_the_order_no_version_loses_its_package(database: Database, story: list[tuple[str, str, str]]) -> None:
    collected = CollectedPlane(ControlPlane(database))
    for name in ("a", "b"):
        tell(collected, "delete", name, "")
    for kind, name, source in story:
        tell(collected, kind, name, source)
        check_every_version_has_its_package(collected)
    collected.collect_all()

    assert set(collected.store.packages) == needed(collected)


def tell(collected: CollectedPlane, kind: str, name: str, source: str) -> None:
    plane, exists = collected.plane, collected.plane.record(name) is not None
    if kind == "collect":
        collected.collect_after(float(name))
    elif kind == "delete" and exists:
        plane.call("DeleteFunction", FunctionName=name)
    elif kind == "update" and exists:
        collected.with_retries(lambda: plane.call("UpdateFunctionCode", FunctionName=name, ZipFile=zip_member(source)))
        plane.settle(name)
    elif kind.startswith("create") and not exists:
        if "collected" in kind:
            waits = iter([GRACE_S])
            collected.store.after_put = lambda: collected.collect_after(next(waits, 0.0))
        collected.with_retries(
            lambda: plane.call("CreateFunction", **a_function(name, Code={"ZipFile": zip_member(source)}))
        )
        collected.store.after_put = lambda: None
        plane.settle(name)


def needed(collected: CollectedPlane) -> set[str]:
    records = [record for name in ("a", "b") if (record := collected.plane.record(name)) is not None]
    return {version.code_sha256 for record in records for version in record.versions.values()}


def check_every_version_has_its_package(collected: CollectedPlane) -> None:
    assert needed(collected) <= set(collected.store.packages)
    assert all(hashlib.sha256(data).hexdigest() == sha256 for sha256, data in collected.store.packages.items())

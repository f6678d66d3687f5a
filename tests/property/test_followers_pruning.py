"""Random changes, followers that come, stop, crash and return, and pruning: nobody ever misses a change."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sqlmodel import select

from raylambda.store.changes import ABSENT_S, ChangeKind, changes_since, newest_change, record_change
from raylambda.store.engine import Database
from raylambda.store.following import ChangeFollower
from raylambda.store.functions import StoredFunctions
from raylambda.store.tables import FollowerRow, FunctionRow
from raylambda.testing.clock import ManualClock
from tests.plugins.databases import migrated

ACCOUNT, REGION = "123456789012", "eu-west-1"
NAMES = st.sampled_from("abcde")


class Mirror:
    """A subscriber: the reserved concurrency of each function, as it was when it was taken in."""

    def __init__(self, database: Database) -> None:
        self._functions = StoredFunctions(database)
        self.reserved: dict[str, int | None] = {}

    async def load(self) -> None:
        self.reserved = {one.name: one.reserved_concurrency for one in self._functions.everything()}

    async def apply(self, keys: Sequence[tuple[str, str, str]]) -> None:
        for key, record in self._functions.now(keys).items():
            self.reserved.pop(key[2], None)
            if record is not None:
                self.reserved[key[2]] = record.reserved_concurrency


class Follower:
    def __init__(self, database: Database, clock: ManualClock, follower_id: str) -> None:
        self.mirror = Mirror(database)
        self.follower = ChangeFollower(database, {ChangeKind.FUNCTION: self.mirror}, clock, follower_id)


class Followers(RuleBasedStateMachine):
    """Each rule is one commit, one round of a follower, one of its heartbeats, or time that passes."""

    followers = Bundle[Follower]("followers")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = migrated()
        self.clock = ManualClock()
        self.functions: dict[str, int | None] = {}
        self.writes = 0
        self.made = 0

    def teardown(self) -> None:
        self.runner.close()
        self.database.close()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        self.runner.run(work)

    @rule(target=followers)
    def start(self) -> Follower:
        self.made += 1
        follower = Follower(self.database, self.clock, f"f{self.made}")
        self._catch_up(follower)
        return follower

    @rule(name=NAMES)
    def write(self, name: str) -> None:
        self.writes += 1
        with self.database.session() as session:
            session.merge(FunctionRow(account=ACCOUNT, region=REGION, name=name, reserved_concurrency=self.writes))
            record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)
        self.functions[name] = self.writes

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        with self.database.session() as session:
            row = session.get(FunctionRow, (ACCOUNT, REGION, name))
            if row is not None:
                session.delete(row)
            record_change(session, ChangeKind.FUNCTION, ACCOUNT, REGION, name)
        self.functions.pop(name, None)

    @rule(follower=followers)
    def follow(self, follower: Follower) -> None:
        """Also the return of one that was away: it knows then exactly what there is."""
        self._catch_up(follower)

    @rule(follower=followers, slow=st.booleans())
    def beat(self, follower: Follower, slow: bool) -> None:
        """Whoever beats prunes, ``slow`` without having followed; what somebody who is waited for has not seen stays."""
        if not slow:
            self._catch_up(follower)
        before = self._kept()

        self.do(follower.follower.keep_position())

        lowest = min(self._positions_waited_for())
        assert self._kept() == {number for number in before if number >= lowest}

    @rule(follower=consumes(followers))
    def crash(self, follower: Follower) -> None:
        """Its position stays behind, and nobody ever moves it."""

    @rule(seconds=st.sampled_from([60.0, ABSENT_S + 1]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def the_newest_change_is_kept(self) -> None:
        with self.database.reading() as session:
            newest = newest_change(session)
        assert newest in self._kept() | {0}

    def _catch_up(self, follower: Follower) -> None:
        self.do(follower.follower.catch_up())

        assert follower.mirror.reserved == self.functions

    def _kept(self) -> set[int]:
        with self.database.reading() as session:
            return {change.number for change in changes_since(session, 0)}

    def _positions_waited_for(self) -> list[int]:
        with self.database.reading() as session:
            rows = session.exec(select(FollowerRow)).all()
        return [row.applied for row in rows if row.seen_at >= self.clock.now() - ABSENT_S]


TestFollowers = Followers.TestCase
TestFollowers.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    # A failure is shown at once: explaining it takes Hypothesis minutes here.
    phases=[phase for phase in Phase if phase is not Phase.explain],
)

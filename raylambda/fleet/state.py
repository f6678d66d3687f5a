"""What the fleet knows: hosts, environments, and pools of environments that can stand in for each other. Pure.

States of an environment (``TRANSITIONS`` is the whole truth; anything else is refused):

* ``queued``    it has its place on a host, and waits until environments that are being stopped there have left
* ``starting``  the host makes it
* ``idle``      it waits for an invocation
* ``leased``    it is in the hands of one caller
* ``stopping``  the host shuts it down; it takes up memory until it is gone
* ``gone``      forgotten but for its story

Two sums per host decide about room: ``occupied_mb`` is what its environments take up now, ``planned_mb`` what they will
once those that are stopping have left and those that are queued have come. Neither ever exceeds ``memory_mb``.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from raylambda.fleet.events import FleetCommand, FleetEvent, Tick
from raylambda.hosts.placing import Lease, Refusal
from raylambda.hosts.ports import HostClass
from raylambda.model.function import FunctionKey, FunctionVersion

PoolKey = tuple[str, str, str, str, str]
"""(account, region, name, version, generation)"""


class EnvironmentState(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    IDLE = "idle"
    LEASED = "leased"
    STOPPING = "stopping"
    GONE = "gone"


QUEUED, STARTING, IDLE, LEASED, STOPPING, GONE = EnvironmentState

TRANSITIONS: dict[EnvironmentState, frozenset[EnvironmentState]] = {
    QUEUED: frozenset({STARTING, GONE}),
    STARTING: frozenset({IDLE, GONE}),
    IDLE: frozenset({LEASED, STOPPING, GONE}),
    LEASED: frozenset({IDLE, STOPPING, GONE}),
    STOPPING: frozenset({GONE}),
    GONE: frozenset(),
}

_STORY_ENTRIES = 20
_REMEMBERED_OF_A_FUNCTION = 20
_FUNCTIONS_REMEMBERED = 500

_OCCUPIES = frozenset({STARTING, IDLE, LEASED, STOPPING})
_PLANNED = frozenset({QUEUED, STARTING, IDLE, LEASED})


class IllegalTransition(Exception):
    """A move that ``TRANSITIONS`` does not have: a bug of the fleet."""


@dataclass(slots=True, eq=False)
class Pool:
    """The environments of one generation of one version, and the placements that wait for one.

    ``waiting`` maps placements to the time of their request, oldest first. ``idle`` holds the newest last. ``queued`` and
    ``starting`` count the environments in these states.
    """

    key: PoolKey
    version: FunctionVersion
    host_class: HostClass
    retired: bool = False
    waiting: dict[int, float] = field(default_factory=dict)
    idle: dict[str, Environment] = field(default_factory=dict)
    members: dict[str, Environment] = field(default_factory=dict)
    queued: int = 0
    starting: int = 0

    @property
    def function_key(self) -> FunctionKey:
        return self.key[:3]

    @property
    def memory_mb(self) -> int:
        return self.version.memory_mb

    @property
    def unmet(self) -> int:
        """Placements for which no start is under way; below zero: starts that nobody waits for any more."""
        return len(self.waiting) - self.queued - self.starting


@dataclass(slots=True, eq=False)
class HostRecord:
    """One host, from the order to make it until it is released or lost.

    ``memory_mb`` is 0 until it runs. A host that is ``leaving`` is released as soon as it is empty.
    """

    host_id: str
    host_class: HostClass
    at_least_mb: int
    empty_since: float
    node_id: str = ""
    memory_mb: int = 0
    occupied_mb: int = 0
    planned_mb: int = 0
    leaving: bool = False
    environments: dict[str, Environment] = field(default_factory=dict)
    queue: deque[Environment] = field(default_factory=deque)

    @property
    def is_ready(self) -> bool:
        return self.memory_mb > 0

    @property
    def takes_environments(self) -> bool:
        return self.is_ready and not self.leaving


class StoryEntry(NamedTuple):
    """One step of an environment: when, which kind of event caused it, and the states before (none at first) and after."""

    at: float
    cause: type[FleetEvent]
    before: EnvironmentState | None
    after: EnvironmentState


@dataclass(slots=True, eq=False)
class Environment:
    """One environment; ``since`` is the time of its last transition, ``lease`` is set while it is leased.

    ``story`` holds its last steps, oldest first; ``stopped_because`` says why it was told to stop.
    """

    environment_id: str
    pool: Pool
    host: HostRecord
    state: EnvironmentState
    since: float
    lease: Lease | None = None
    served: bool = False
    stopped_because: str = ""
    story: deque[StoryEntry] = field(default_factory=lambda: deque(maxlen=_STORY_ENTRIES))


class PastRefusal(NamedTuple):
    """A placement that got no environment: when, why in one word, and why for people."""

    at: float
    refusal: Refusal
    message: str


class PastEnvironment(NamedTuple):
    """An environment that is gone: when it left, and why, for people."""

    environment_id: str
    version: str
    host_id: str
    at: float
    why: str
    story: tuple[StoryEntry, ...]


_Past = TypeVar("_Past")


class PastOfFunctions(Generic[_Past]):
    """The last few things of one kind that happened to each function, of the functions that they happened to last."""

    def __init__(self) -> None:
        self._past: OrderedDict[FunctionKey, deque[_Past]] = OrderedDict()

    def add(self, key: FunctionKey, past: _Past) -> None:
        self._past.setdefault(key, deque(maxlen=_REMEMBERED_OF_A_FUNCTION)).append(past)
        self._past.move_to_end(key)
        if len(self._past) > _FUNCTIONS_REMEMBERED:
            self._past.popitem(last=False)

    def of(self, key: FunctionKey) -> tuple[_Past, ...]:
        """Oldest first."""
        return tuple(self._past.get(key, ()))


class FleetState:
    """The books. ``Fleet`` decides; only ``add``, ``move``, ``end`` and ``drop_pool_if_unused`` change sums and indexes.

    What is over is remembered for people only: nothing is decided by ``refusals`` and ``ended``.

    ``begin`` opens a turn: the time, what caused it, and no commands yet.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.commands: list[FleetCommand] = []
        self.hosts: dict[str, HostRecord] = {}
        self.environments: dict[str, Environment] = {}
        self.pools: dict[PoolKey, Pool] = {}
        self.functions: dict[FunctionKey, dict[PoolKey, Pool]] = {}
        self.idle: dict[str, Environment] = {}
        self.starved: dict[PoolKey, Pool] = {}
        self.refusals = PastOfFunctions[PastRefusal]()
        self.ended = PastOfFunctions[PastEnvironment]()
        self._cause: type[FleetEvent] = Tick

    def begin(self, event: FleetEvent, now: float) -> None:
        self.now = now
        self.commands = []
        self._cause = type(event)

    def order(self, command: FleetCommand) -> None:
        self.commands.append(command)

    def pool_of(self, version: FunctionVersion) -> Pool:
        """The pool of this generation of the version; made when it is new."""
        key = (version.account, version.region, version.name, version.version, version.generation)
        pool = self.pools.get(key)
        if pool is None:
            options = version.ray_options
            pool = self.pools[key] = Pool(key, version, HostClass(options.host_class, options))
            self.functions.setdefault(pool.function_key, {})[key] = pool
        return pool

    def drop_pool_if_unused(self, pool: Pool) -> None:
        if pool.members or pool.waiting or pool.key not in self.pools:
            return
        del self.pools[pool.key]
        siblings = self.functions[pool.function_key]
        del siblings[pool.key]
        if not siblings:
            del self.functions[pool.function_key]

    def add(self, environment_id: str, pool: Pool, host: HostRecord) -> Environment:
        """Queue a new environment on the host."""
        environment = Environment(environment_id, pool, host, QUEUED, self.now)
        self.environments[environment_id] = environment
        pool.members[environment_id] = environment
        pool.queued += 1
        host.environments[environment_id] = environment
        host.queue.append(environment)
        host.planned_mb += pool.memory_mb
        environment.story.append(StoryEntry(self.now, self._cause, None, QUEUED))
        return environment

    def move(self, environment: Environment, to: EnvironmentState) -> None:
        """Change the state, and everything that is counted by it; ``end`` is the way to be gone."""
        before = environment.state
        if to not in TRANSITIONS[before]:
            raise IllegalTransition(f"{environment.environment_id}: {before} -> {to}")
        environment.state = to
        environment.since = self.now
        pool, host, environment_id = environment.pool, environment.host, environment.environment_id
        if before is IDLE:
            del pool.idle[environment_id], self.idle[environment_id]
        elif before is LEASED:
            environment.lease = None
        elif before is QUEUED:
            host.queue.remove(environment)
            pool.queued -= 1
        elif before is STARTING:
            pool.starting -= 1
        if to is IDLE:
            pool.idle[environment_id] = self.idle[environment_id] = environment
        elif to is STARTING:
            pool.starting += 1
        host.occupied_mb += ((to in _OCCUPIES) - (before in _OCCUPIES)) * pool.memory_mb
        host.planned_mb += ((to in _PLANNED) - (before in _PLANNED)) * pool.memory_mb
        environment.story.append(StoryEntry(self.now, self._cause, before, to))

    def end(self, environment: Environment, why: str) -> None:
        """The environment is gone: only its story stays. ``why`` counts unless it had been told to stop."""
        self.move(environment, GONE)
        environment_id, pool, host = environment.environment_id, environment.pool, environment.host
        del self.environments[environment_id], pool.members[environment_id], host.environments[environment_id]
        if not host.environments:
            host.empty_since = self.now
        why, story = environment.stopped_because or why, tuple(environment.story)
        past = PastEnvironment(environment_id, pool.version.version, host.host_id, self.now, why, story)
        self.ended.add(pool.function_key, past)

    def tells_of(self, key: FunctionKey) -> bool:
        """Whether there is anything of the function, or was lately."""
        return key in self.functions or bool(self.refusals.of(key) or self.ended.of(key))

    def hosts_of(self, host_class: str) -> list[HostRecord]:
        return [host for host in self.hosts.values() if host.host_class.name == host_class]


NewId = Callable[[], str]
"""Gives a new id each time: 32 hex digits, as log streams and Ray's names take them."""

"""All parts of a platform, connected; the order is that of the picture in the README, from the store upwards."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from raylambda.boot import BootError
from raylambda.boot.front_door import authenticator, control_parts, own_names
from raylambda.boot.ray_cluster import ray_hosts
from raylambda.boot.repeating import repeat
from raylambda.boot.status import Status
from raylambda.fleet.driver import FleetDriver
from raylambda.fleet.environment_orders import EnvironmentOrders
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper
from raylambda.fleet.policy import FixedIdleTime, FleetPolicy
from raylambda.frontdoor.auth.keys import link_secret
from raylambda.frontdoor.code_links import CodeLinks
from raylambda.frontdoor.front_door import FrontDoorParts, Surroundings
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.listener import HostListener
from raylambda.hosts.ports import Cluster, PackageShelf
from raylambda.hosts.ray_packages import RayPackages
from raylambda.logs.collection import collect_groups
from raylambda.logs.files import expire_logs, group_path
from raylambda.logs.reader import LogReader
from raylambda.logs.writer import LogWriter
from raylambda.model.clock import Clock
from raylambda.model.log_names import log_group_of
from raylambda.queue.claims import DispatchSettings
from raylambda.queue.dispatcher import Acceptance, Dispatcher
from raylambda.queue.rules import RetryPolicy
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.follower import FunctionSubscriber
from raylambda.scheduling.invoker import Invoker
from raylambda.scheduling.leases import Leases
from raylambda.scheduling.registry import Registry
from raylambda.scheduling.tally import Tally
from raylambda.settings import Settings
from raylambda.store.changes import ChangeKind
from raylambda.store.codestore import LocalCodeStore
from raylambda.store.collecting import EVERY_S, PackageCollector
from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import SchemaUnknown, StoreUnavailable
from raylambda.store.following import ChangeFollower
from raylambda.store.functions import StoredFunctions
from raylambda.store.uploads import Uploads

_DRAIN_S = 10
_HOUR_S = 3_600.0
_DAY_S = 86_400.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Platform:
    """The running parts that others look at."""

    front_door: FrontDoorParts
    fleet: FleetDriver
    hosts: HostDirectory
    invoker: Invoker
    dispatcher: Dispatcher


@asynccontextmanager
async def open_platform(
    settings: Settings,
    clock: Clock,
    cluster: Cluster | None = None,
    packages: PackageShelf | None = None,
    dashboard_url: str | None = None,
) -> AsyncIterator[Platform]:
    """Open all parts, and close them in the reverse order.

    Without ``cluster`` and ``packages`` (fakes, in tests) hosts are Ray actors, and ``ray_cluster`` must be open.
    """
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(open_database, settings)
        stack.callback(database.close)
        code_store, uploads = await stack.enter_async_context(_open_code(settings, clock, database))
        logs = LogReader(settings.home / "logs")
        stack.callback(logs.close)

        hosts = HostDirectory()
        log_writer = LogWriter(settings.home / "logs", clock, logs.wake)
        keeper = HostKeeper(cluster or ray_hosts(settings), hosts, partial(HostListener, log_writer.append))
        orders = EnvironmentOrders(hosts, packages or RayPackages(code_store.get), clock)
        fleet = await stack.enter_async_context(_open_fleet(settings, clock, keeper, orders))
        registry, admission = Registry(random.random), Admission(settings.concurrency)
        functions = FunctionSubscriber(StoredFunctions(database), registry, admission, fleet)
        follower = await stack.enter_async_context(_open_follower(database, functions, clock))
        tidy_logs = partial(_tidy_logs, settings, clock, registry)
        await stack.enter_async_context(_in_background(repeat(tidy_logs, _HOUR_S, "logs_not_tidied")))
        tally = Tally()
        invoker = Invoker(follower, registry, Leases(admission, fleet), hosts, tally.count)
        stack.push_async_callback(invoker.drain, _DRAIN_S)
        dispatcher = await stack.enter_async_context(_open_dispatcher(settings, clock, database, invoker))

        links = CodeLinks(link_secret(settings.home), clock)
        front_door = FrontDoorParts(
            database=database,
            control=control_parts(settings, clock, code_store, uploads, links),
            settled=follower.settled,
            invoker=invoker,
            queue=Acceptance(database, clock, dispatcher.wake),
            authenticator=authenticator(settings, clock),
            own_names=own_names(settings),
            surroundings=Surroundings(settings.region, dashboard_url),
            links=links,
            logs=logs,
            status=Status(settings, fleet, database, hosts, registry, admission, tally, follower, dispatcher),
            healthy=lambda: bool(hosts),
        )
        yield Platform(front_door, fleet, hosts, invoker, dispatcher)


def open_database(settings: Settings) -> Database:
    """The database of the settings at the newest schema; raises ``BootError``."""
    try:
        engine = open_engine(settings.database_url or f"sqlite:///{settings.home / 'raylambda.sqlite'}")
        migrate(engine)
    except (StoreUnavailable, SchemaUnknown) as error:
        raise BootError(f"the database cannot be used: {error}") from error
    except ModuleNotFoundError as error:
        raise BootError(f"PostgreSQL needs another package: pip install 'raylambda[postgresql]' ({error})") from error
    return Database(engine)


async def _tidy_logs(settings: Settings, clock: Clock, registry: Registry) -> None:
    """What is too old goes, and logs of deleted functions beyond their size."""
    root = settings.home / "logs"
    in_use = {
        group_path(root, version.account, version.region, log_group_of(version)) for version in registry.versions()
    }
    await asyncio.to_thread(expire_logs, root, clock.now() - settings.log_retention_days * _DAY_S)
    await asyncio.to_thread(collect_groups, root, in_use, settings.cache_mb * _MIB, clock.now())


@asynccontextmanager
async def _open_code(
    settings: Settings, clock: Clock, database: Database
) -> AsyncIterator[tuple[LocalCodeStore, Uploads]]:
    """Packages and uploads, without what a killed process left half there; what no version needs is collected meanwhile."""
    code_store, uploads = LocalCodeStore(settings.home / "packages"), Uploads(settings.home / "uploads", clock)
    for store in (code_store, uploads):
        await asyncio.to_thread(store.tidy)
    collector = PackageCollector(database, code_store, uploads, clock)

    collect = partial(asyncio.to_thread, collector.collect)
    async with _in_background(repeat(collect, EVERY_S, "packages_not_collected")):
        yield code_store, uploads


@asynccontextmanager
async def _open_fleet(
    settings: Settings, clock: Clock, keeper: HostKeeper, orders: EnvironmentOrders
) -> AsyncIterator[FleetDriver]:
    policy = FleetPolicy(max_hosts=1 if settings.ray_address is None else None)
    fleet = Fleet(policy, FixedIdleTime(settings.idle_timeout_s), _new_id)
    driver = FleetDriver(fleet, keeper, orders, clock)
    try:
        await driver.open()
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def _open_follower(
    database: Database, functions: FunctionSubscriber, clock: Clock
) -> AsyncIterator[ChangeFollower]:
    follower = ChangeFollower(database, {ChangeKind.FUNCTION: functions}, clock, f"front-door-{_new_id()}")
    await follower.open()
    try:
        yield follower
    finally:
        await follower.close()


@asynccontextmanager
async def _open_dispatcher(
    settings: Settings, clock: Clock, database: Database, invoker: Invoker
) -> AsyncIterator[Dispatcher]:
    dispatching = DispatchSettings(policy=RetryPolicy(waits_s=settings.async_retry_waits_s))
    dispatcher = Dispatcher(database, invoker, clock, f"front-door-{_new_id()}", dispatching)
    async with _in_background(dispatcher.run()):
        try:
            yield dispatcher
        finally:
            await dispatcher.close()


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A task that is cancelled at the end of the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _new_id() -> str:
    return uuid.uuid4().hex

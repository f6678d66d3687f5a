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
from raylambda.boot.front_door import authenticator, control_parts
from raylambda.boot.ray_cluster import ray_hosts
from raylambda.boot.status import Status
from raylambda.fleet.driver import FleetDriver
from raylambda.fleet.environment_orders import EnvironmentOrders
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper
from raylambda.fleet.policy import FixedIdleTime, FleetPolicy
from raylambda.frontdoor.auth.keys import link_secret
from raylambda.frontdoor.code_links import CodeLinks
from raylambda.frontdoor.front_door import FrontDoorParts
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.listener import HostListener
from raylambda.hosts.ports import Cluster, PackageShelf
from raylambda.hosts.ray_packages import RayPackages
from raylambda.logs.files import expire_logs
from raylambda.logs.reader import LogReader
from raylambda.logs.writer import LogWriter
from raylambda.model.clock import Clock
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
from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import SchemaUnknown, StoreUnavailable
from raylambda.store.following import ChangeFollower
from raylambda.store.functions import StoredFunctions

_DRAIN_S = 10
_DAY_S = 86_400.0


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
    settings: Settings, clock: Clock, cluster: Cluster | None = None, packages: PackageShelf | None = None
) -> AsyncIterator[Platform]:
    """Open all parts, and close them in the reverse order.

    Without ``cluster`` and ``packages`` (fakes, in tests) hosts are Ray actors, and ``ray_cluster`` must be open.
    """
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(open_database, settings)
        stack.callback(database.close)
        code_store = LocalCodeStore(settings.home / "packages")
        logs = await stack.enter_async_context(_open_logs(settings, clock))

        hosts = HostDirectory()
        log_writer = LogWriter(settings.home / "logs", clock, logs.wake)
        keeper = HostKeeper(cluster or ray_hosts(settings), hosts, partial(HostListener, log_writer.append))
        orders = EnvironmentOrders(hosts, packages or RayPackages(code_store.get), clock)
        fleet = await stack.enter_async_context(_open_fleet(settings, clock, keeper, orders))
        registry, admission = Registry(random.random), Admission(settings.concurrency)
        functions = FunctionSubscriber(StoredFunctions(database), registry, admission, fleet)
        follower = await stack.enter_async_context(_open_follower(database, functions, clock))
        tally = Tally()
        invoker = Invoker(follower, registry, Leases(admission, fleet), hosts, tally.count)
        stack.push_async_callback(invoker.drain, _DRAIN_S)
        dispatcher = await stack.enter_async_context(_open_dispatcher(settings, clock, database, invoker))

        links = CodeLinks(link_secret(settings.home), clock)
        front_door = FrontDoorParts(
            database=database,
            control=control_parts(settings, clock, code_store, links),
            invoker=invoker,
            queue=Acceptance(database, clock, dispatcher.wake),
            authenticator=authenticator(settings, clock),
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


@asynccontextmanager
async def _open_logs(settings: Settings, clock: Clock) -> AsyncIterator[LogReader]:
    logs = LogReader(settings.home / "logs")

    async def expire_daily() -> None:
        while True:
            oldest_s = clock.now() - settings.log_retention_days * _DAY_S
            await asyncio.to_thread(expire_logs, settings.home / "logs", oldest_s)
            await asyncio.sleep(_DAY_S)

    try:
        async with _in_background(expire_daily()):
            yield logs
    finally:
        logs.close()


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

"""The only composition root: settings in; stores, Ray actors and front door out.

``run`` is what `raylambda up` does. Everything is opened in the order in which it is needed and closed in the reverse
order: the front door stops taking requests first, Ray ends last. Ray is a cluster of our own on this machine, or the one
at ``settings.ray_address``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import uvloop
from ray.actor import ActorHandle

from raylambda import __version__
from raylambda.fleet.capacity import FleetPolicy
from raylambda.fleet.driver import FleetShell
from raylambda.fleet.fleet import Fleet
from raylambda.fleet.host_keeper import HostKeeper
from raylambda.fleet.policy import FixedIdleTime
from raylambda.frontdoor.app import create_app
from raylambda.frontdoor.auth.keys import KeyRing, link_secret, root_key
from raylambda.frontdoor.auth.signature import AnyKey, Authenticator, SignatureCheck
from raylambda.frontdoor.code_links import CodeLinks
from raylambda.frontdoor.front_door import FrontDoor
from raylambda.frontdoor.server import FrontDoorServer, make_server
from raylambda.home import PlatformNote, claimed, noted
from raylambda.hosts.ports import Cluster, HostSize, HostUnfit, PackageShelf
from raylambda.hosts.ray_hosts import RayCluster, RayPackages
from raylambda.hosts.ray_options import HostSizing
from raylambda.logs.files import expire_logs
from raylambda.logs.reader import LogReader
from raylambda.logs.writer import LogWriter
from raylambda.model.clock import Clock, SystemClock
from raylambda.node.host import HostSettings
from raylambda.node.host_actor import HostActor
from raylambda.queue.claims import DispatchSettings
from raylambda.queue.dispatcher import Acceptance, Dispatcher
from raylambda.queue.rules import RetryPolicy
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.follower import FunctionSubscriber
from raylambda.scheduling.invoker import Invoker
from raylambda.scheduling.registry import Registry
from raylambda.services.lambda_.s3_source import S3Source
from raylambda.settings import AccessKey, Settings
from raylambda.store.changes import ChangeKind
from raylambda.store.codestore import LocalCodeStore
from raylambda.store.engine import Database, migrate, open_engine
from raylambda.store.errors import SchemaUnknown, StoreUnavailable
from raylambda.store.following import ChangeFollower
from raylambda.store.functions import StoredFunctions

Say = Callable[[str], None]

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what a client on this machine connects to instead
_OBJECT_STORE_BYTES = 512 * 1024 * 1024
_KNOCK_S = 10.0
_DRAIN_S = 10
_DAY_S = 86_400.0


class BootError(Exception):
    """The platform cannot start; the text says why and what to do."""


def run(settings: Settings, say: Say) -> None:
    """Run a platform until SIGINT or SIGTERM; ``say`` gets a line for every step.

    Raises ``BootError`` and ``HomeUnusable``, before Ray starts for what can be known before.
    """
    _check(settings)
    with claimed(settings.home), _listener(settings) as listener:
        _open_database(settings).close()
        say("Starting Ray" if settings.ray_address is None else f"Joining the Ray cluster at {settings.ray_address}")
        with ray_cluster(settings):
            uvloop.run(_serve(settings, listener, say))


def _check(settings: Settings) -> None:
    if settings.auth == "none" and settings.host not in _LOOPBACK:
        raise BootError(
            f"RAYLAMBDA_AUTH=none lets anybody run code; it is refused on {settings.host}: "
            "listen on 127.0.0.1, or set RAYLAMBDA_AUTH=sigv4"
        )
    if settings.ray_address is not None and "://" in settings.ray_address:
        raise BootError("the platform runs on a node of its Ray cluster: give `auto` or the head's host:port")


@contextmanager
def _listener(settings: Settings) -> Iterator[socket.socket]:
    """The front door's socket, bound before Ray starts: a port in use is known at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise BootError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port"
            ) from None
        yield listener


@contextmanager
def ray_cluster(settings: Settings) -> Iterator[None]:
    """Connect to Ray, on a cluster of our own when no address is set; the own one ends with this process, however it ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns at every start that a cluster of its own takes only clients with its token, which is as it should be.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    own: dict[str, Any] = {"dashboard_host": "127.0.0.1", "object_store_memory": _OBJECT_STORE_BYTES}
    own["include_dashboard"] = True  # `ray list tasks` asks it
    address = settings.ray_address or "local"
    try:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING, **({} if settings.ray_address else own))
    except (OSError, ValueError, RuntimeError) as error:
        raise BootError(f"no Ray cluster at {address}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise ``OSError`` when nobody listens at ``host:port``: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()


async def _serve(settings: Settings, listener: socket.socket, say: Say) -> None:
    async with open_platform(settings, SystemClock()) as platform:
        server = make_server(create_app(platform.door), platform.door.logs.close)
        note = _note(settings, listener)
        with noted(settings.home, note):
            announcing = asyncio.create_task(_announce(platform, settings, note.endpoint, say))
            announcing.add_done_callback(lambda done: _stop_if_failed(done, server))
            await server.serve(sockets=[listener])
            if announcing.done():
                announcing.result()
            announcing.cancel()
            say("Stopping")


def _stop_if_failed(announcing: asyncio.Task[None], server: FrontDoorServer) -> None:
    if not announcing.cancelled() and announcing.exception() is not None:
        server.should_exit = True


async def _announce(platform: Platform, settings: Settings, endpoint: str, say: Say) -> None:
    say("Starting a host for execution environments")
    try:
        await platform.shell.ready()
    except HostUnfit as error:
        raise BootError(str(error)) from None
    if settings.auth == "none":
        say("WARNING: RAYLAMBDA_AUTH=none: requests are not checked; whoever reaches this port runs code here")
    for warning in sorted({warning for facts in platform.shell.hosts() for warning in facts.warnings}):
        say(f"WARNING: {warning}")
    say(f"raylambda serves invocations at {endpoint}")
    say('Use it from another terminal: eval "$(raylambda env)"')


def _note(settings: Settings, listener: socket.socket) -> PlatformNote:
    """Where this platform listens, and with which key, for the other commands of this machine."""
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    endpoint = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    key = _own_key(settings)
    return PlatformNote(
        endpoint=endpoint,
        region=settings.region,
        access_key_id=key.access_key_id,
        secret_access_key=key.secret,
        ray_address=ray.get_runtime_context().gcs_address,
        ray_auth_mode=os.environ.get("RAY_AUTH_MODE", "disabled"),  # Ray sets it when it turns its tokens on
    )


def _own_key(settings: Settings) -> AccessKey:
    """The key of this machine's own commands."""
    if settings.auth == "none":
        return AccessKey(settings.account_id, "none", settings.account_id)
    return settings.access_keys[0] if settings.access_keys else root_key(settings.home, settings.account_id)


@dataclass(frozen=True)
class Platform:
    """The running parts that others look at."""

    door: FrontDoor
    shell: FleetShell
    invoker: Invoker
    dispatcher: Dispatcher


@asynccontextmanager
async def open_platform(
    settings: Settings, clock: Clock, cluster: Cluster | None = None, packages: PackageShelf | None = None
) -> AsyncIterator[Platform]:
    """All parts, connected, and closed in the reverse order.

    Without ``cluster`` and ``packages`` (fakes, in tests) hosts are Ray actors, and ``ray_cluster`` must be open.
    """
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(_open_database, settings)
        stack.callback(database.close)
        code_store = LocalCodeStore(settings.home / "packages")
        logs = LogReader(settings.home / "logs")
        log_writer = LogWriter(settings.home / "logs", clock, logs.wake)
        stack.callback(logs.close)

        registry, admission = Registry(random.random), Admission(settings.concurrency)
        fleet = Fleet(_fleet_policy(settings), FixedIdleTime(settings.idle_timeout_s), _new_id)
        shelf = packages or RayPackages(code_store.get)
        keeper = HostKeeper(cluster or _cluster(settings), shelf, log_writer.append, clock)
        shell = FleetShell(fleet, keeper, clock)
        stack.push_async_callback(shell.close)
        functions = FunctionSubscriber(StoredFunctions(database), registry, admission, shell)
        follower = ChangeFollower(database, {ChangeKind.FUNCTION: functions}, clock, f"front-door-{_new_id()}")
        await follower.open()
        stack.push_async_callback(follower.close)
        await shell.open()

        invoker = Invoker(follower, registry, admission, shell)
        stack.push_async_callback(invoker.drain, _DRAIN_S)
        dispatcher = Dispatcher(database, invoker, clock, f"front-door-{_new_id()}", _dispatch_settings(settings))
        _run_in_background(stack, dispatcher.run())
        stack.push_async_callback(dispatcher.close)
        _run_in_background(stack, _expire_logs_daily(settings, clock))

        door = FrontDoor(
            database=database,
            code_store=code_store,
            invoker=invoker,
            queue=Acceptance(database, clock, dispatcher.wake),
            authenticator=_authenticator(settings, clock),
            links=CodeLinks(link_secret(settings.home), clock),
            logs=logs,
            status=lambda account: _status(settings, admission, shell, dispatcher, account),
            healthy=lambda: bool(shell.hosts()),
            fetch_s3=S3Source(settings.region, clock),
            concurrency_limit=settings.concurrency,
            clock=clock,
        )
        yield Platform(door, shell, invoker, dispatcher)


def _run_in_background(stack: AsyncExitStack, work: Any) -> None:
    """A task that lives as long as the platform."""
    task = asyncio.ensure_future(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


async def _expire_logs_daily(settings: Settings, clock: Clock) -> None:
    while True:
        oldest_s = clock.now() - settings.log_retention_days * _DAY_S
        await asyncio.to_thread(expire_logs, settings.home / "logs", oldest_s)
        await asyncio.sleep(_DAY_S)


def _open_database(settings: Settings) -> Database:
    try:
        engine = open_engine(settings.database_url or f"sqlite:///{settings.home / 'raylambda.sqlite'}")
        migrate(engine)
    except (StoreUnavailable, SchemaUnknown) as error:
        raise BootError(f"the database cannot be used: {error}") from error
    except ModuleNotFoundError as error:
        raise BootError(f"PostgreSQL needs another package: pip install 'raylambda[postgresql]' ({error})") from error
    return Database(engine)


def _fleet_policy(settings: Settings) -> FleetPolicy:
    return FleetPolicy(max_hosts=1 if settings.ray_address is None else None)


def _dispatch_settings(settings: Settings) -> DispatchSettings:
    return DispatchSettings(policy=RetryPolicy(waits_s=settings.async_retry_waits_s))


def _authenticator(settings: Settings, clock: Clock) -> Authenticator:
    if settings.auth == "none":
        return AnyKey(settings.account_id, settings.region)
    keys = settings.access_keys or (root_key(settings.home, settings.account_id),)
    return SignatureCheck(KeyRing(keys), clock)


def _cluster(settings: Settings) -> RayCluster:
    sizing = HostSizing(settings.host_memory_mb, whole_node=settings.ray_address is None)

    def make_actor(host_id: str, size: HostSize, options: dict[str, Any]) -> ActorHandle[Any]:
        actor_class: Any = ray.remote(HostActor)
        actor: ActorHandle[Any] = actor_class.options(**options).remote(host_settings(settings, host_id))
        return actor

    return RayCluster(make_actor, sizing)


def host_settings(settings: Settings, host_id: str) -> HostSettings:
    """What a host needs to know of the settings; it runs on another machine."""
    own_node = settings.home / "node"
    return HostSettings(
        host_id=host_id,
        isolation=settings.isolation,
        network=settings.network,
        egress_allow=settings.egress_allow,
        state_dir=own_node if settings.ray_address is None else Path("~/.cache/raylambda"),
        function_env=settings.function_env,
        runtimes=settings.runtimes,
    )


def _new_id() -> str:
    return uuid.uuid4().hex


async def _status(
    settings: Settings, admission: Admission, shell: FleetShell, dispatcher: Dispatcher, account: str
) -> dict[str, Any]:
    nodes = await asyncio.to_thread(ray.nodes)
    return {
        "version": __version__,
        "time": time.time(),
        "auth": settings.auth,
        "store": "sqlite" if settings.database_url is None else settings.database_url.partition(":")[0],
        "ray_address": ray.get_runtime_context().gcs_address,
        "nodes": [_node(node) for node in nodes],
        "hosts": [_host(facts) for facts in shell.hosts()],
        "fleet": _seen_by(account, shell.describe()),
        "concurrency": {
            place: region for place, region in admission.describe().items() if place.startswith(f"{account}/")
        },
        "queue": dispatcher.describe(),
    }


def _node(node: dict[str, Any]) -> dict[str, Any]:
    resources = {name: amount for name, amount in node["Resources"].items() if not name.startswith("node:")}
    return {"node_id": node["NodeID"], "name": node["NodeName"], "alive": node["Alive"], "resources": resources}


def _host(facts: Any) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in type(facts).__slots__}


def _seen_by(account: str, fleet: dict[str, Any]) -> dict[str, Any]:
    """The fleet without what belongs to other accounts."""

    def own(host: dict[str, Any]) -> dict[str, Any]:
        return {**host, "environments": [one for one in host["environments"] if one["account"] == account]}

    return {"hosts": [own(host) for host in fleet["hosts"]]}

"""The async half of the fleet's commands about hosts: make and release hosts, start and stop environments, listen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from raylambda.fleet.events import (
    CreateHost,
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    FleetEvent,
    HostFailed,
    HostLost,
    HostReady,
    ReleaseHost,
    StartEnvironment,
    StopEnvironment,
)
from raylambda.hosts.ports import Cluster, Host, HostNotMade, HostUnfit, PackageShelf, StartRefused, Unplaceable
from raylambda.hosts.ports import HostLost as HostIsLost
from raylambda.model.clock import Clock
from raylambda.model.environment import EnvironmentExited, HostEvent, LogLines
from raylambda.model.environment import StartEnvironment as StartOrder
from raylambda.model.log_names import log_stream_name

_log = logging.getLogger(__name__)

LogSink = Callable[[LogLines], None]
Feed = Callable[[FleetEvent], None]


class HostKeeper:
    """Holds the hosts, and answers every command with one event through ``feed``, whatever happens.

    Each host has one listener (``Host.events``, a long poll). A host that fails a call with ``HostLost``, or whose listener
    hears nothing for ``silence_s``, is lost: it is forgotten at once and shut down in the background. Ray reports processes that
    ended within seconds; a host that is frozen it never reports, and a node that is silent only after a minute, which is
    as long as clients wait. So the silence is what bounds how long calls wait there.
    """

    def __init__(
        self, cluster: Cluster, packages: PackageShelf, logs: LogSink, clock: Clock, silence_s: float = 30.0
    ) -> None:
        self._cluster = cluster
        self._packages = packages
        self._logs = logs
        self._clock = clock
        self._silence_s = silence_s
        self._hosts: dict[str, Host] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def host(self, host_id: str) -> Host:
        return self._hosts[host_id]

    def hosts(self) -> tuple[Host, ...]:
        return tuple(self._hosts.values())

    def carry_out(self, command: CreateHost | ReleaseHost | StartEnvironment | StopEnvironment, feed: Feed) -> None:
        """Begin to carry the command out."""
        match command:
            case CreateHost():
                self._spawn(self._create(command, feed))
            case ReleaseHost():
                self._spawn(self._release(self._hosts.pop(command.host_id)))
            case StartEnvironment():
                self._spawn(self._start(command, self._hosts[command.host_id], feed))
            case StopEnvironment():
                self._spawn(self._stop(command, self._hosts[command.host_id], feed))

    def lose(self, host_id: str, feed: Feed) -> None:
        """Forget a host that is gone, or counts as gone; a second time changes nothing."""
        host = self._hosts.pop(host_id, None)
        if host is not None:
            self._spawn(self._release(host))
            feed(HostLost(host_id))

    async def close(self) -> None:
        """Release every host and end what is under way."""
        hosts = self.hosts()
        self._hosts.clear()
        await asyncio.gather(*(self._release(host) for host in hosts))
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _create(self, command: CreateHost, feed: Feed) -> None:
        try:
            host = await self._cluster.create_host(command.host_id, command.host_class, command.at_least_mb)
        except Unplaceable as error:
            feed(HostFailed(command.host_id, str(error), unplaceable=True))
        except (HostNotMade, HostIsLost) as error:
            _log.warning("host %s was not made: %s", command.host_id, error)
            feed(HostFailed(command.host_id, str(error), unplaceable=False, unfit=isinstance(error, HostUnfit)))
        except Exception as error:
            _log.exception("host %s was not made", command.host_id)
            feed(HostFailed(command.host_id, str(error), unplaceable=False))
        else:
            self._hosts[command.host_id] = host
            self._spawn(self._listen(command.host_id, host, feed))
            feed(HostReady(command.host_id, host.facts.node_id, host.size.memory_mb))

    async def _release(self, host: Host) -> None:
        try:
            last_words = await self._cluster.release_host(host)
        except Exception:
            _log.exception("host %s was not released", host.facts.host_id)
        else:
            for event in last_words:
                if isinstance(event, LogLines):
                    # In a thread, for it writes files; a host that floods waits for its own lines.
                    await asyncio.to_thread(self._logs, event)

    async def _start(self, command: StartEnvironment, host: Host, feed: Feed) -> None:
        version, environment_id = command.version, command.environment_id
        try:
            package = await self._packages.package(version.code_sha256)
            stream = log_stream_name(version, environment_id, self._clock.now())
            order = StartOrder(environment_id, version, stream, package)
            await host.start(order, f"start {version.name}:{version.version}")
        except HostIsLost:
            self.lose(command.host_id, feed)
        except StartRefused as error:
            feed(EnvironmentFailed(environment_id, str(error)))
        except Exception:
            _log.exception("environment %s did not start", environment_id)
            feed(EnvironmentFailed(environment_id, "The host failed to start an execution environment."))
        else:
            feed(EnvironmentReady(environment_id))

    async def _stop(self, command: StopEnvironment, host: Host, feed: Feed) -> None:
        try:
            await host.stop(command.environment_id)
        except HostIsLost:
            self.lose(command.host_id, feed)
            return
        except Exception:
            _log.exception("environment %s did not stop in order", command.environment_id)
        feed(EnvironmentGone(command.environment_id))

    async def _listen(self, host_id: str, host: Host, feed: Feed) -> None:
        while host_id in self._hosts:
            try:
                async with asyncio.timeout(self._silence_s):
                    events = await host.events()
            except HostIsLost:
                self.lose(host_id, feed)
            except TimeoutError:
                _log.error("host %s has said nothing for %g seconds: it counts as lost", host_id, self._silence_s)
                self.lose(host_id, feed)
            except Exception:
                _log.exception("host %s cannot be listened to: it counts as lost", host_id)
                self.lose(host_id, feed)
            else:
                await self._take(events, feed)

    async def _take(self, events: Sequence[HostEvent], feed: Feed) -> None:
        for event in events:
            match event:
                case LogLines():
                    # In a thread, for it writes files; a host that floods waits for its own lines.
                    await asyncio.to_thread(self._logs, event)
                case EnvironmentExited():
                    feed(EnvironmentGone(event.environment_id))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

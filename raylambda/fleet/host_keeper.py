"""Carries out the fleet's orders about hosts: makes them, has them listened to, and releases them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from raylambda.fleet.events import CreateHost, EnvironmentGone, FleetEvent, HostDied, HostFailed, HostReady
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.listener import Exited, HostListener
from raylambda.hosts.ports import Cluster, Host, HostLost, HostNotMade, HostUnfit, Unplaceable

_log = logging.getLogger(__name__)

Tell = Callable[[FleetEvent], None]
"""How the fleet hears what came of an order."""

MakeListener = Callable[[Host, Exited], HostListener]


class HostKeeper:
    """Keeps the directory of hosts: a host is in it from the moment it runs until it is released or lost.

    All methods are called from one event loop.
    """

    def __init__(self, cluster: Cluster, hosts: HostDirectory, make_listener: MakeListener) -> None:
        self._cluster = cluster
        self._hosts = hosts
        self._make_listener = make_listener
        self._listeners: dict[str, HostListener] = {}
        self._releases: set[asyncio.Task[None]] = set()

    async def keep(self, order: CreateHost, tell: Tell) -> None:
        """Make a host and stay with it until its end: tells ``HostReady`` and at last ``HostDied``, or ``HostFailed``."""
        host_id = order.host_id
        try:
            host = await self._cluster.create_host(host_id, order.host_class, order.at_least_mb)
        except Unplaceable as error:
            tell(HostFailed(host_id, str(error), unplaceable=True))
        except (HostNotMade, HostUnfit, HostLost) as error:
            _log.warning("host %s was not made: %s", host_id, error)
            tell(HostFailed(host_id, str(error), unplaceable=False, unfit=isinstance(error, HostUnfit)))
        except Exception as error:
            _log.exception("host %s was not made", host_id)
            tell(HostFailed(host_id, str(error), unplaceable=False))
        else:
            listener = self._make_listener(host, lambda environment_id: tell(EnvironmentGone(environment_id)))
            self._listeners[host_id] = listener
            self._hosts.add(host)
            tell(HostReady(host_id, host.facts.node_id, host.size.memory_mb))
            await listener.listen()
            tell(HostDied(host_id))

    def release(self, host_id: str) -> None:
        """Forget a host now, and shut it down in the background. One that is not there is no error."""
        if self._hosts.remove(host_id) is not None:
            release = asyncio.get_running_loop().create_task(self._release(host_id))
            self._releases.add(release)
            release.add_done_callback(self._releases.discard)

    async def release_all(self) -> None:
        """Release every host that runs now, and wait until all that were released are shut down."""
        for host in self._hosts:
            self.release(host.facts.host_id)
        await asyncio.gather(*self._releases)

    async def _release(self, host_id: str) -> None:
        try:
            await self._listeners.pop(host_id).release(self._cluster)
        except Exception:
            _log.exception("host %s was not released", host_id)

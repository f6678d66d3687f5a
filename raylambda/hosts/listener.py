"""Listens to one host, to its last words: log lines go to the log sink, exits of environments to the fleet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from raylambda.hosts.ports import Cluster, Host, HostLost
from raylambda.model.environment import EnvironmentExited, HostEvent, LogLines

_log = logging.getLogger(__name__)

LogSink = Callable[[LogLines], None]
"""Keeps log lines; it may block, for it is called in a thread."""

Exited = Callable[[str], None]
"""Is told the id of an idle environment that ended by itself."""


class HostListener:
    """The one listener of a host (``Host.events``, a stream).

    A host whose calls raise ``HostLost``, or that says nothing for ``silence_s``, is lost. Ray reports processes that ended
    within seconds; a host that is frozen it never reports, and a node that is silent only after a minute, which is as long
    as clients wait. So the silence is what bounds how long calls wait there.
    """

    def __init__(self, logs: LogSink, host: Host, exited: Exited, silence_s: float = 30.0) -> None:
        self._logs = logs
        self._host = host
        self._exited = exited
        self._silence_s = silence_s

    async def listen(self) -> None:
        """Hear the host until it is lost, or until ``release``."""
        host_id = self._host.facts.host_id
        events = self._host.events()
        try:
            while True:
                async with asyncio.timeout(self._silence_s):
                    batch = await anext(events)
                await self._hear(batch)
        except (HostLost, StopAsyncIteration):
            return
        except TimeoutError:
            _log.error("host %s has said nothing for %g seconds: it counts as lost", host_id, self._silence_s)
        except Exception:
            _log.exception("host %s cannot be listened to: it counts as lost", host_id)
        finally:
            await events.aclose()

    async def release(self, cluster: Cluster) -> None:
        """Give the host back, and hear its last words after all that ``listen`` still hears of it."""
        await self._hear(await cluster.release_host(self._host))

    async def _hear(self, events: Sequence[HostEvent]) -> None:
        for event in events:
            match event:
                case LogLines():
                    # In a thread, for it writes files; a host that floods waits for its own lines.
                    await asyncio.to_thread(self._logs, event)
                case EnvironmentExited():
                    self._exited(event.environment_id)

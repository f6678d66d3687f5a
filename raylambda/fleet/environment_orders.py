"""Carries out the fleet's orders about environments, on the hosts that the fleet chose."""

from __future__ import annotations

import logging

from raylambda.fleet.events import (
    BootEnvironment,
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    HostDied,
    PrepareHost,
    StopEnvironment,
)
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.ports import HostLost, PackageShelf, StartRefused
from raylambda.model.clock import Clock
from raylambda.model.environment import PrepareVersion, StartEnvironment
from raylambda.model.log_names import log_stream_name

_log = logging.getLogger(__name__)


class EnvironmentOrders:
    """Every order but ``prepare`` is answered by one event, whatever happens."""

    def __init__(self, hosts: HostDirectory, packages: PackageShelf, clock: Clock) -> None:
        self._hosts = hosts
        self._packages = packages
        self._clock = clock

    async def boot(self, order: BootEnvironment) -> EnvironmentReady | EnvironmentFailed | HostDied:
        version, environment_id = order.version, order.environment_id
        try:
            package = await self._packages.package(version.code_sha256)
            stream = log_stream_name(version, environment_id, self._clock.now())
            start = StartEnvironment(environment_id, version, stream, package)
            await self._hosts.find(order.host_id).start(start, f"start {version.name}:{version.version}")
        except HostLost:
            return HostDied(order.host_id)
        except StartRefused as error:
            return EnvironmentFailed(environment_id, str(error))
        except Exception:
            _log.exception("environment %s did not start", environment_id)
            return EnvironmentFailed(environment_id, "The host failed to start an execution environment.")
        return EnvironmentReady(environment_id)

    async def prepare(self, order: PrepareHost) -> HostDied | None:
        """Nobody waits for it, and the start of an environment does what was not done here; so a failure is only logged."""
        version = order.version
        try:
            package = await self._packages.package(version.code_sha256)
            await self._hosts.find(order.host_id).prepare(PrepareVersion(version, package))
        except HostLost:
            return HostDied(order.host_id)
        except StartRefused as error:
            _log.info("the code of %s:%s was not prepared: %s", version.name, version.version, error)
        except Exception:
            _log.exception("the code of %s:%s was not prepared", version.name, version.version)
        return None

    async def stop(self, order: StopEnvironment) -> EnvironmentGone | HostDied:
        try:
            await self._hosts.find(order.host_id).stop(order.environment_id)
        except HostLost:
            return HostDied(order.host_id)
        except Exception:
            _log.exception("environment %s did not stop in order", order.environment_id)
        return EnvironmentGone(order.environment_id)

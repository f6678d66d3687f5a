"""A host as a Ray actor: the same methods, with invocations packed (``model.packing``). ``boot`` decorates it."""

from __future__ import annotations

from raylambda.model.environment import (
    EnvironmentStarted,
    HostEvent,
    HostFacts,
    PrepareVersion,
    StartEnvironment,
)
from raylambda.model.packing import pack_result, unpack_invocation
from raylambda.node.host import Host
from raylambda.node.host_parts import HostSettings


class HostActor:
    """The far side of ``hosts.ray_hosts.RayHost``."""

    def __init__(self, settings: HostSettings) -> None:
        self._host = Host(settings)

    async def open(self) -> HostFacts:
        return await self._host.open()

    async def prepare(self, order: PrepareVersion) -> None:
        await self._host.prepare(order)

    async def start(self, start: StartEnvironment) -> EnvironmentStarted:
        return await self._host.start(start)

    async def invoke(self, packed: bytes) -> bytes:
        environment_id, invocation = unpack_invocation(packed)
        return pack_result(await self._host.invoke(environment_id, invocation))

    async def stop(self, environment_id: str) -> None:
        await self._host.stop(environment_id)

    async def events(self) -> list[HostEvent]:
        return await self._host.events()

    async def describe(self) -> list[dict[str, object]]:
        return await self._host.describe()

    async def close(self) -> list[HostEvent]:
        return await self._host.close()

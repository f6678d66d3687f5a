"""The connection to Ray, and what is made of it: hosts as actors."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle

from raylambda.boot import BootError
from raylambda.hosts.ports import HostSize
from raylambda.hosts.ray_hosts import RayCluster
from raylambda.hosts.ray_options import HostSizing
from raylambda.node.host_actor import HostActor
from raylambda.node.host_parts import HostSettings
from raylambda.settings import Settings

_OBJECT_STORE_BYTES = 512 * 1024 * 1024
_KNOCK_S = 10.0


@contextmanager
def ray_cluster(settings: Settings) -> Iterator[str | None]:
    """Connect to Ray, on a cluster of our own when no address is set; the own one ends with this process, however it ends.

    Gives the URL of Ray's dashboard, ``None`` when there is none. Raises ``BootError``.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns at every start that a cluster of its own takes only clients with its token, which is as it should be.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    own: dict[str, Any] = {"dashboard_host": "127.0.0.1", "object_store_memory": _OBJECT_STORE_BYTES}
    own["include_dashboard"] = True  # `ray list tasks` asks it
    address = settings.ray_address or "local"
    try:
        _knock(address)
        context = ray.init(
            address, log_to_driver=False, logging_level=logging.WARNING, **({} if settings.ray_address else own)
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise BootError(f"no Ray cluster at {address}: {error}") from error
    try:
        yield f"http://{context.dashboard_url}" if context.dashboard_url else None
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise ``OSError`` when nobody listens at ``host:port``: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()


def ray_hosts(settings: Settings) -> RayCluster:
    """Hosts over the cluster that is connected. Ray decorates ``HostActor`` here and nowhere else."""

    def make_actor(host_id: str, size: HostSize, options: dict[str, Any]) -> ActorHandle[Any]:
        actor_class: Any = ray.remote(HostActor)
        actor: ActorHandle[Any] = actor_class.options(**options).remote(host_settings(settings, host_id))
        return actor

    return RayCluster(make_actor, HostSizing(settings.host_memory_mb, whole_node=settings.ray_address is None))


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
        cache_mb=settings.cache_mb,
    )


def cluster_facts() -> tuple[str | None, list[dict[str, Any]]]:
    """The cluster's address, and its nodes as plain data; nothing of both where hosts are fakes. Asks Ray, so call it in a thread."""
    if not ray.is_initialized():
        return None, []
    address: str = ray.get_runtime_context().gcs_address
    return address, [
        {
            "node_id": node["NodeID"],
            "name": node["NodeName"],
            "alive": node["Alive"],
            "resources": {name: amount for name, amount in node["Resources"].items() if not name.startswith("node:")},
        }
        for node in ray.nodes()  # type: ignore[no-untyped-call]
    ]

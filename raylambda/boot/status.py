"""What the platform says of itself, to one account."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import ray

from raylambda import __version__
from raylambda.fleet.driver import FleetDriver
from raylambda.hosts.directory import HostDirectory
from raylambda.queue.dispatcher import Dispatcher
from raylambda.scheduling.admission import Admission
from raylambda.settings import Settings


async def status(
    settings: Settings,
    admission: Admission,
    fleet: FleetDriver,
    hosts: HostDirectory,
    dispatcher: Dispatcher,
    account: str,
) -> dict[str, Any]:
    nodes = await asyncio.to_thread(ray.nodes)
    return {
        "version": __version__,
        "time": time.time(),
        "auth": settings.auth,
        "store": "sqlite" if settings.database_url is None else settings.database_url.partition(":")[0],
        "ray_address": ray.get_runtime_context().gcs_address,
        "nodes": [_node(node) for node in nodes],
        "hosts": [_host(host.facts) for host in hosts],
        "fleet": _seen_by(account, fleet.describe()),
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

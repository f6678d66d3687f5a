"""What the platform says of itself, to one account; and why a function waits, was refused, or has the environments it has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog

from raylambda import __version__
from raylambda.boot.overview import functions_in_regions, overview
from raylambda.boot.ray_cluster import cluster_facts
from raylambda.fleet.driver import FleetDriver
from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.ports import HostLost
from raylambda.model.arn import function_arn
from raylambda.model.errors import ResourceNotFoundException
from raylambda.model.function import FunctionKey
from raylambda.model.principal import Principal
from raylambda.queue.dispatcher import Dispatcher
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.registry import Registry
from raylambda.scheduling.tally import Tally
from raylambda.settings import Settings
from raylambda.store.engine import Database
from raylambda.store.events import unsettled_events
from raylambda.store.following import ChangeFollower

_log = structlog.get_logger(__name__)

_HOST_ANSWERS_S = 2.0
"""How long a host may take to tell its stories: a frozen one must not keep the whole answer."""


@dataclass(frozen=True)
class Status:
    """``frontdoor.front_door.Status``: each part is asked for what it knows, and told to the account that it belongs to."""

    settings: Settings
    fleet: FleetDriver
    database: Database
    hosts: HostDirectory
    registry: Registry
    admission: Admission
    tally: Tally
    follower: ChangeFollower
    dispatcher: Dispatcher
    began: float = field(default_factory=time.time)

    async def __call__(self, principal: Principal, detail: bool, function: str | None) -> Mapping[str, Any]:
        """With ``detail``, ``functions`` is there too: one entry for the named function, or for each that has a story.

        Raises ``ResourceNotFoundException`` for a function that the account does not have.
        """
        account = principal.account
        address, nodes = await asyncio.to_thread(cluster_facts)
        events = await asyncio.to_thread(self._events, account)
        url = self.settings.database_url
        known = [key for key in self.registry.keys() if key[0] == account]  # noqa: SIM118 - no dict
        fleet = _seen_by(account, self.fleet.describe())
        return {
            "version": __version__,
            "time": time.time(),
            "since": self.began,
            "auth": self.settings.auth,
            "store": "sqlite" if url is None else url.partition(":")[0],
            "ray_address": address,
            "nodes": nodes,
            "hosts": [asdict(host.facts) for host in self.hosts],
            "overview": overview(known, fleet["hosts"], self.admission.units, self.tally.of, events),
            "functions_in_regions": functions_in_regions(known),
            "fleet": fleet,
            "concurrency": {
                place: region for place, region in self.admission.describe().items() if place.startswith(f"{account}/")
            },
            "change_feed": self.follower.describe(),
            "queue": {
                **self.dispatcher.describe(),
                "unsettled": sum(count for count, _ in events.values()),
                "next_due_at": min((due_at for _, due_at in events.values()), default=None),
            },
            **({"functions": await self._stories(principal, function, known, events)} if detail else {}),
        }

    async def _stories(
        self,
        principal: Principal,
        function: str | None,
        known: Collection[FunctionKey],
        events: Mapping[FunctionKey, tuple[int, float]],
    ) -> list[dict[str, Any]]:
        """The decisions about each function, with the lives of its environments as their hosts tell them."""
        if function is None:
            keys = [key for key in known if key in events or self.fleet.tells_of(key) or self.admission.tells_of(key)]
        else:
            keys = [(principal.account, principal.region, function)]
            if keys[0] not in known and not self.fleet.tells_of(keys[0]):
                arn = function_arn(principal.region, principal.account, function)
                raise ResourceNotFoundException(f"Function not found: {arn}")
        told = [self._decisions(key, *events.get(key, (0, None))) for key in keys]
        environments = [one for story in told for one in story["environments"]]
        lives = await self._lives({one["host_id"] for one in environments})
        for one in environments:
            one["life_cycle"] = lives.get(one["host_id"], {}).get(one["environment_id"])
        return told

    def _events(self, account: str) -> Mapping[FunctionKey, tuple[int, float]]:
        with self.database.reading() as session:
            return unsettled_events(session, account)

    def _decisions(self, key: FunctionKey, events: int, next_due_at: float | None) -> dict[str, Any]:
        account, region, name = key
        return {
            "function": name,
            "region": region,
            "arn": function_arn(region, account, name),
            "concurrency": self.admission.explain(key),
            "events": {"unsettled": events, "next_due_at": next_due_at},
            **self.fleet.explain(key),
        }

    async def _lives(self, host_ids: Collection[str]) -> Mapping[str, Mapping[str, Mapping[str, object]]]:
        """By host and environment; a host that does not answer in time, or fails, tells nothing."""

        async def ask(host_id: str) -> Mapping[str, Mapping[str, object]]:
            try:
                async with asyncio.timeout(_HOST_ANSWERS_S):
                    described = await self.hosts.find(host_id).describe()
            except (HostLost, TimeoutError):
                return {}
            except Exception:
                _log.exception("host_not_described", host_id=host_id)
                return {}
            return {str(one["environment_id"]): one for one in described}

        return dict(zip(host_ids, await asyncio.gather(*map(ask, host_ids)), strict=True))


def _seen_by(account: str, fleet: Mapping[str, Any]) -> dict[str, Any]:
    """The fleet without what belongs to other accounts."""

    def own(host: Mapping[str, Any]) -> dict[str, Any]:
        return {**host, "environments": [one for one in host["environments"] if one["account"] == account]}

    return {"hosts": [own(host) for host in fleet["hosts"]]}

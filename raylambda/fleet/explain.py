"""What people may ask of the fleet: what there is, and why a function gets what it gets. Pure."""

from __future__ import annotations

from raylambda.fleet.events import (
    CodeCame,
    EnvironmentFailed,
    EnvironmentGone,
    EnvironmentReady,
    FleetEvent,
    HostDied,
    HostFailed,
    HostReady,
    LeaseGivenBack,
    PlacementAbandoned,
    PlacementRequested,
    Tick,
    VersionRetired,
)
from raylambda.fleet.host_supply import HostSupply
from raylambda.fleet.state import Environment, FleetState, HostRecord, Pool, StoryEntry
from raylambda.model.function import FunctionKey

CAUSES: dict[type[FleetEvent], str] = {
    PlacementRequested: "a call came",
    PlacementAbandoned: "a caller gave up",
    HostReady: "a host came up",
    HostFailed: "a host did not come up",
    HostDied: "a host was lost",
    EnvironmentReady: "an environment was ready",
    EnvironmentFailed: "an environment did not start",
    EnvironmentGone: "an environment was gone",
    LeaseGivenBack: "a call was done",
    VersionRetired: "the function was changed",
    CodeCame: "the function has new code",
    Tick: "time went by",
}
"""Every kind of event, in words: what a step of an environment followed from."""


def describe(state: FleetState) -> dict[str, object]:
    """Plain data: hosts with their environments."""
    return {"hosts": [_describe_host(host, state.now) for host in state.hosts.values()]}


def _describe_host(host: HostRecord, now: float) -> dict[str, object]:
    return {
        "host_id": host.host_id,
        "class": host.host_class.name,
        "state": "ready" if host.is_ready else "pending",
        "node_id": host.node_id,
        "memory_mb": host.memory_mb,
        "occupied_mb": host.occupied_mb,
        "environments": [
            {
                "environment_id": environment.environment_id,
                "function": environment.pool.version.name,
                "version": environment.pool.version.version,
                "generation": environment.pool.version.generation,
                "account": environment.pool.version.account,
                "region": environment.pool.version.region,
                "state": str(environment.state),
                "memory_mb": environment.pool.memory_mb,
                "for_s": round(now - environment.since, 3),
            }
            for environment in host.environments.values()
        ],
    }


class Explainer:
    """Tells one function's side of the books. ``epoch`` is the fleet's time 0 in seconds since the epoch, so that people can
    read when something happened.
    """

    def __init__(self, state: FleetState, supply: HostSupply) -> None:
        self._state = state
        self._supply = supply

    def explain(self, key: FunctionKey, epoch: float) -> dict[str, object]:
        """The function's environments and how they got there, who waits and for what, and the last refusals and ends."""
        pools = self._state.functions.get(key, {}).values()
        return {
            "environments": [self._environment(one, epoch) for pool in pools for one in pool.members.values()],
            "waiting": [self._waiting(pool) for pool in pools if pool.waiting],
            "refusals": [
                {"at": round(epoch + past.at, 3), "refusal": str(past.refusal), "message": past.message}
                for past in self._state.refusals.of(key)
            ],
            "ended": [
                {
                    "environment_id": past.environment_id,
                    "version": past.version,
                    "host_id": past.host_id,
                    "at": round(epoch + past.at, 3),
                    "why": past.why,
                    "story": [_step(entry, epoch) for entry in past.story],
                }
                for past in self._state.ended.of(key)
            ],
        }

    def _environment(self, environment: Environment, epoch: float) -> dict[str, object]:
        return {
            "environment_id": environment.environment_id,
            "host_id": environment.host.host_id,
            "version": environment.pool.version.version,
            "generation": environment.pool.version.generation,
            "state": str(environment.state),
            "for_s": round(self._state.now - environment.since, 3),
            "story": [_step(entry, epoch) for entry in environment.story],
        }

    def _waiting(self, pool: Pool) -> dict[str, object]:
        return {
            "version": pool.version.version,
            "generation": pool.version.generation,
            "placements": len(pool.waiting),
            "for_s": round(self._state.now - next(iter(pool.waiting.values())), 3),
            "why": " ".join(self._why(pool)),
        }

    def _why(self, pool: Pool) -> list[str]:
        """What those who wait get their environments from, in sentences."""
        why = []
        if pool.starting:
            why.append(f"Environments that start: {pool.starting}.")
        if pool.queued:
            why.append(f"Environments that start once others on their host have left: {pool.queued}.")
        if pool.unmet > 0:
            why.append(f"No room on the hosts that run for {pool.unmet} more.")
            why.append(self._supply.prospects(pool.host_class.name))
        return why


def _step(entry: StoryEntry, epoch: float) -> dict[str, object]:
    return {
        "at": round(epoch + entry.at, 3),
        "cause": CAUSES[entry.cause],
        "from": entry.before and str(entry.before),
        "to": str(entry.after),
    }

"""Admits and places in one step: whoever gets a lease has a unit of concurrency and an environment, or neither."""

from __future__ import annotations

from raylambda.fleet.driver import FleetDriver
from raylambda.hosts.placing import Lease, PlacementRefused, Refusal
from raylambda.model.errors import ThrottleReason
from raylambda.model.function import FunctionKey
from raylambda.model.invocation import Target
from raylambda.scheduling.admission import Admission

_THROTTLED = {
    ThrottleReason.FUNCTION: (
        Refusal.FUNCTION_CONCURRENCY,
        "As many invocations run as the function has reserved concurrency.",
    ),
    ThrottleReason.ACCOUNT: (
        Refusal.ACCOUNT_CONCURRENCY,
        "As many invocations run as functions without reserved concurrency may have together.",
    ),
}


class Leases:
    """``Placing`` on the fleet of this process, with the units of this process."""

    def __init__(self, admission: Admission, fleet: FleetDriver) -> None:
        self._admission = admission
        self._fleet = fleet
        self._out: dict[int, FunctionKey] = {}

    async def lease(self, target: Target) -> Lease:
        reason = self._admission.admit(target.key)
        if reason is not None:
            raise PlacementRefused(*_THROTTLED[reason])
        try:
            lease = await self._fleet.place(target.version)
        except BaseException:
            self._admission.give_back(target.key)
            raise
        self._out[lease.placement_id] = target.key
        return lease

    def give_back(self, lease: Lease, *, reusable: bool) -> None:
        key = self._out.pop(lease.placement_id, None)
        if key is not None:
            self._admission.give_back(key)
            self._fleet.give_back(lease, reusable=reusable)

    def lose(self, host_id: str) -> None:
        self._fleet.lose(host_id)

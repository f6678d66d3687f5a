"""The seam of placing: how a caller gets an environment for one call, and how the environment comes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from raylambda.model.invocation import Target


@dataclass(frozen=True, slots=True)
class Lease:
    """One environment in the hands of one caller, until it is given back.

    ``cold`` is true when the environment was started while the caller waited for one.
    """

    placement_id: int
    environment_id: str
    host_id: str
    cold: bool


class Refusal(StrEnum):
    """Why a caller gets no environment."""

    FUNCTION_CONCURRENCY = "function concurrency"
    """All units that are reserved for the function are out."""
    ACCOUNT_CONCURRENCY = "account concurrency"
    """All units that the functions of the account share are out."""
    START_RATE = "start rate"
    """The function starts environments faster than AWS's scaling rate."""
    UNPLACEABLE = "unplaceable"
    """The cluster cannot hold such a host."""
    NO_CAPACITY = "no capacity"
    """Nothing became free within the time limit."""
    START_FAILED = "start failed"
    """The host could not make the environment."""


class PlacementRefused(Exception):
    """No environment for this call; ``refusal`` says why in one word, ``message`` for people."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.message = message


class Placing(Protocol):
    """Gives environments to callers. A lease is the unit of concurrency: whoever holds one counts as one running invocation.

    Promises:

    * As many units are out as leases, and calls of ``lease`` that wait; whatever dies and whoever gives up.
    * An environment is in the hands of one caller at a time.
    * A lease is only an entry in the books: it holds while its host is lost, and is given back like any other.
    """

    async def lease(self, target: Target) -> Lease:
        """Take a unit and get an environment of the target's version, warm or new; the caller gives it back exactly once.

        Raises ``PlacementRefused`` when there is no unit (``FUNCTION_CONCURRENCY``, ``ACCOUNT_CONCURRENCY``) or no
        environment (the other refusals), and nothing else; then no unit is out. When the caller is cancelled, nothing is
        out either. A warm environment is given at once, without a turn of the event loop.
        """
        ...

    def give_back(self, lease: Lease, *, reusable: bool) -> None:
        """Free the unit and the environment, which is stopped unless it is ``reusable``; a second time changes nothing."""
        ...

    def lose(self, host_id: str) -> None:
        """A call found out that this host is gone; told again, it changes nothing."""
        ...

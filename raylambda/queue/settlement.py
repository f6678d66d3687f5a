"""The end of an asynchronous event, and who is told of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from raylambda.model.invocation import Call, Completion
from raylambda.queue.rules import Dropped, Ending, Exhausted, Settled

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How ``call`` ended. Times are epoch seconds; ``completion`` is the last run's, ``None`` when the last try did not run."""

    call: Call
    ending: Ending
    accepted_at: float
    ended_at: float
    completion: Completion | None


OnSettled = Callable[[Settlement], Awaitable[None]]
"""Told before the event is removed, so a crash in between tells it again: at least once. It must not raise for long-lived
reasons of its own, such as a target that is away: the event is removed whatever happens here."""


async def log_settlement(settlement: Settlement) -> None:
    """Write one line of our own log; payloads stay out of it."""
    call, ending = settlement.call, settlement.ending
    fields = {
        "request_id": call.request_id,
        "account": call.account,
        "region": call.region,
        "function": call.name,
        "attempts": ending.attempts,
    }
    match ending:
        case Settled():
            log.debug("event_settled", **fields)
        case Exhausted(condition=condition):
            log.warning("event_exhausted", condition=str(condition), **fields)
        case Dropped():
            log.warning("event_dropped", reason="the function is gone", **fields)

"""The bounds of one dispatcher."""

from __future__ import annotations

from dataclasses import dataclass, field

from raylambda.queue.rules import RetryPolicy


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """Times in seconds. ``renew_s`` must be well below ``lease_s``, and that well above the difference between two clocks.

    ``poll_s`` is how long an event waits at most that another process accepted and did not start. ``grace_s`` is how long
    ``close`` waits for attempts that have begun.
    """

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    running: int = 256
    running_per_function: int = 128
    claim_batch: int = 32
    lease_s: float = 60.0
    renew_s: float = 15.0
    poll_s: float = 5.0
    store_retry_first_s: float = 0.25
    store_retry_last_s: float = 15.0
    grace_s: float = 5.0

    def store_retry_s(self, failures: int) -> float:
        """The wait after ``failures`` failures of the store in a row."""
        return min(self.store_retry_last_s, self.store_retry_first_s * 2.0 ** min(failures - 1, 64))

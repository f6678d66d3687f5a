"""What an environment writes into its log, measures, and tells people, from INIT to the last REPORT."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from raylambda.model.clock import Clock
from raylambda.model.function import FunctionVersion
from raylambda.model.invocation import InvocationResult
from raylambda.node.environment.events import Phase
from raylambda.node.environment.failures import Failed, Responded
from raylambda.node.environment.logging.log_buffer import LogBuffer
from raylambda.node.environment.logging.platform_lines import Measures, PlatformLines, iso_time

STORY_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Usage:
    """What an invocation took: its time, and the most memory the guest has used so far."""

    duration_ms: float
    max_memory_mb: int


class Journal:
    """The story of one environment; its methods are called in the order in which things happen."""

    def __init__(self, version: FunctionVersion, environment_id: str, log: LogBuffer, clock: Clock) -> None:
        self._version = version
        self._environment_id = environment_id
        self._story: deque[tuple[float, str, str, str]] = deque(maxlen=STORY_LINES)
        self._log = log
        self._lines = PlatformLines(version, environment_id)
        self._clock = clock
        self._init_began = 0.0
        self._init_unreported: float | None = None

    def note(self, event: str, state: str, reason: str) -> None:
        """Keep a step of the life cycle for ``describe``."""
        self._story.append((self._clock.now(), event, state, reason))

    def describe(self) -> dict[str, object]:
        """For people: whose environment it is, and its last steps, e.g. ``2024-11-02T16:51:31.587Z InvocationArrived -> Running``."""
        story = [
            f"{iso_time(now)} {event}{f' ({reason})' if reason else ''} -> {state}"
            for now, event, state, reason in self._story
        ]
        return {
            "account": self._version.account,
            "region": self._version.region,
            "function": self._version.name,
            "version": self._version.version,
            "environment_id": self._environment_id,
            "story": story,
        }

    def runtime_starts(self, phase: Phase) -> None:
        self._init_began = self._clock.monotonic()
        self._log.write_entries(self._lines.init_start(self._clock.now(), phase))

    def init_ends(self, failure: Failed | None) -> float:
        """A normal INIT is over; returns its milliseconds, which the first REPORT names if it went well."""
        init_ms = self._init_ms()
        if failure is None:
            self._init_unreported = init_ms
            self._log.write_entries(self._lines.init_done(self._clock.now(), Phase.INIT, init_ms))
        return init_ms

    def init_fails(self, phase: Phase, failure: Failed) -> None:
        """In the invoke phase the invocation's own end says the reason."""
        now = self._clock.now()
        if phase is Phase.INIT:
            self._log.write_entries(self._lines.crash(now, failure))
        self._log.write_entries(self._lines.init_failed(now, phase, self._init_ms(), failure))

    def invocation_begins(self, request_id: str) -> None:
        self._log.begin_tail()
        self._log.write_entries(self._lines.start(self._clock.now(), request_id))

    def runtime_crashes(self, failure: Failed) -> None:
        """It ended while no invocation ran."""
        self._log.write_entries(self._lines.crash(self._clock.now(), failure))

    def invocation_ends(
        self, request_id: str, result: Responded | Failed, usage: Usage, *, tail: bool, reusable: bool
    ) -> InvocationResult:
        """Write END and REPORT, and make the result; ``tail`` asks for the log's."""
        now = self._clock.now()
        measures = Measures(usage.duration_ms, usage.max_memory_mb, self._init_unreported)
        self._init_unreported = None
        failed = isinstance(result, Failed)
        if isinstance(result, Failed):
            self._log.write_entries(self._lines.crash(now, result))
        self._log.write_entries(self._lines.end(now, request_id, result, measures))
        return InvocationResult(
            payload=result.payload,
            function_error="Unhandled" if failed else None,
            log_tail=self._log.tail() if tail else b"",
            duration_ms=usage.duration_ms,
            billed_ms=measures.billed_ms,
            init_ms=measures.init_ms,
            max_memory_mb=usage.max_memory_mb,
            reusable=reusable,
        )

    def close(self) -> None:
        """End the line that the guest left open."""
        self._log.flush()

    def _init_ms(self) -> float:
        return 1000.0 * (self._clock.monotonic() - self._init_began)

"""The lines that the platform writes into a function's log (lambda-reference.md 11), as text or as JSON records (pure).

Every function returns a list of *entries* without their final newline; an entry may hold more than one line, as AWS's
do. With ``log_format`` JSON an entry is ``{"time","type","record"}`` of the Telemetry schema, and the level that AWS
assigns to it is compared with the function's system log level
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from raylambda.model.arn import runtime_version_arn
from raylambda.model.function import FunctionVersion
from raylambda.node.environment.events import Phase
from raylambda.node.environment.failures import Failed, Responded

_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARN": 30}
_MEGABYTE: Final = 1024 * 1024
_INITIALIZATION_TYPE: Final = "on-demand"


@dataclass(frozen=True, slots=True)
class Measures:
    """What REPORT says of one invocation. ``init_ms`` only where a normal INIT came before it."""

    duration_ms: float
    max_memory_mb: int
    init_ms: float | None = None

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, INIT included (since August 2025 also for managed runtimes), at least one."""
        return max(1, math.ceil(round(self.duration_ms + (self.init_ms or 0.0), 3)))


def iso_time(now: float) -> str:
    """``2024-11-02T16:51:31.587Z``."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def runtime_version(version: FunctionVersion) -> tuple[str, str]:
    """Name and ARN of the runtime's version as INIT_START prints them, e.g. ``python:3.12.v1``."""
    letters = version.runtime.rstrip("0123456789.x")
    family, release = letters, version.runtime[len(letters) :]
    if "." in letters:
        family, _, release = version.runtime.partition(".")
    name = f"{family}:{release}.v1" if release else f"{family}.v1"
    return name, runtime_version_arn(version.region, version.runtime)


class PlatformLines:
    """The lines of one function version, in its format."""

    def __init__(self, version: FunctionVersion, instance_id: str) -> None:
        self._version = version
        self._instance_id = instance_id
        self._json = version.log_format == "JSON"
        self._threshold = _LEVELS.get((version.system_log_level or "INFO").upper(), _LEVELS["INFO"])

    def init_start(self, now: float, phase: Phase) -> list[str]:
        """A runtime process starts; as text only for a normal INIT."""
        name, arn = runtime_version(self._version)
        if not self._json:
            line = f"INIT_START Runtime Version: {name}\tRuntime Version ARN: {arn}"
            return [line] if phase is Phase.INIT else []
        record = {
            "initializationType": _INITIALIZATION_TYPE,
            "phase": phase.value,
            "runtimeVersion": name,
            "runtimeVersionArn": arn,
            "functionName": self._version.name,
            "functionVersion": self._version.version,
            "instanceId": self._instance_id,
            "instanceMaxMemory": self._version.memory_mb * _MEGABYTE,
        }
        return self._record(now, "initStart", "INFO", record)

    def init_done(self, now: float, phase: Phase, duration_ms: float) -> list[str]:
        """INIT went well: seen only with JSON and level DEBUG."""
        if not self._json:
            return []
        return self._init_records(now, phase, duration_ms, {"status": "success"}, "DEBUG")

    def init_failed(self, now: float, phase: Phase, duration_ms: float, failure: Failed) -> list[str]:
        """INIT failed, in either phase."""
        if self._json:
            return self._init_records(now, phase, duration_ms, _ending(failure), "WARN")
        return [f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase.value}\t{_status(failure)}"]

    def start(self, now: float, request_id: str) -> list[str]:
        """An invocation begins."""
        if not self._json:
            return [f"START RequestId: {request_id} Version: {self._version.version}"]
        return self._record(now, "start", "INFO", {"requestId": request_id, "version": self._version.version})

    def crash(self, now: float, failure: Failed) -> list[str]:
        """Why the runtime is gone: timed out, or ended by itself. JSON says it in runtimeDone and report."""
        if self._json or failure.crash is None:
            return []
        if failure.status == "timeout":
            return [f"{iso_time(now)} {failure.crash}\n"]
        return [failure.crash]

    def end(self, now: float, request_id: str, result: Responded | Failed, measures: Measures) -> list[str]:
        """An invocation is over: END and REPORT, or their records."""
        if self._json:
            return self._end_records(now, request_id, result, measures)
        fields = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {measures.duration_ms:.2f} ms",
            f"Billed Duration: {measures.billed_ms} ms",
            f"Memory Size: {self._version.memory_mb} MB",
            f"Max Memory Used: {measures.max_memory_mb} MB",
        ]
        if measures.init_ms is not None:
            fields.append(f"Init Duration: {measures.init_ms:.2f} ms")
        fields.append(_status(result) if isinstance(result, Failed) and not result.handled else "")
        return [f"END RequestId: {request_id}", "\t".join(fields)]

    def dropped(self, now: float, lines: int, size: int) -> list[str]:
        """The guest wrote faster than its lines were taken."""
        if not self._json:
            return [
                f"LOGS\tDropped: {lines} lines, {size} bytes\tReason: the function writes faster than its log is read"
            ]
        record = {"reason": "Consumer seems to have fallen behind", "droppedRecords": lines, "droppedBytes": size}
        return self._record(now, "logsDropped", "WARN", record)

    def _init_records(
        self, now: float, phase: Phase, duration_ms: float, ending: Mapping[str, str], level: str
    ) -> list[str]:
        record = {"initializationType": _INITIALIZATION_TYPE, "phase": phase.value, **ending}
        report = {**record, "metrics": {"durationMs": round(duration_ms, 3)}}
        done = self._record(now, "initRuntimeDone", level, record)
        return [*done, *self._record(now, "initReport", level, report)]

    def _end_records(self, now: float, request_id: str, result: Responded | Failed, measures: Measures) -> list[str]:
        ending = {"requestId": request_id, **_ending(result)}
        duration = {"durationMs": round(measures.duration_ms, 3)}
        done = {**ending, "metrics": {**duration, "producedBytes": len(result.payload)}}
        metrics: dict[str, Any] = {
            **duration,
            "billedDurationMs": measures.billed_ms,
            "memorySizeMB": self._version.memory_mb,
            "maxMemoryUsedMB": measures.max_memory_mb,
        }
        if measures.init_ms is not None:
            metrics["initDurationMs"] = round(measures.init_ms, 3)
        failed = isinstance(result, Failed)
        return [
            *self._record(now, "runtimeDone", "WARN" if failed else "DEBUG", done),
            *self._record(now, "report", "WARN" if failed else "INFO", {**ending, "metrics": metrics}),
        ]

    def _record(self, now: float, kind: str, level: str, record: Mapping[str, Any]) -> list[str]:
        if _LEVELS[level] < self._threshold:
            return []
        entry = {"time": iso_time(now), "type": f"platform.{kind}", "record": record}
        return [json.dumps(entry, separators=(",", ":"))]


def _ending(result: Responded | Failed) -> dict[str, str]:
    if isinstance(result, Responded):
        return {"status": "success"}
    if result.status == "timeout":
        return {"status": "timeout"}
    return {"status": result.status, "errorType": result.report_type or result.error_type}


def _status(failure: Failed) -> str:
    """The same at the end of a text line."""
    ending = _ending(failure)
    status = f"Status: {ending['status']}"
    return f"{status}\tError Type: {ending['errorType']}" if "errorType" in ending else status

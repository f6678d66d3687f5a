"""Logs for tests: a writer and a reader of the same folder, on a clock that stands still."""

from __future__ import annotations

from pathlib import Path

from raylambda.logs.files import LogLine
from raylambda.logs.reader import LogQuery, LogReader
from raylambda.logs.writer import LogWriter
from raylambda.model.environment import LogLines
from raylambda.testing.clock import ManualClock

GROUP = "/aws/lambda/hello"
START = 1_800_000_000.0


class Logs:
    """What a front door has: lines go in, and come out."""

    def __init__(self, root: Path, clock: ManualClock) -> None:
        self.root = root
        self.reader = LogReader(root)
        self.writer = LogWriter(root, clock, self.reader.wake)

    def write(self, lines: LogLines) -> None:
        self.writer.append(lines)

    def read(self, query: LogQuery) -> list[LogLine]:
        return [one.line for one in self.reader.read(query).lines]


def some_lines(
    *messages: str, stream: str = "s", group: str = GROUP, account: str = "1", time_ms: int | None = None
) -> LogLines:
    moment = int(START * 1000) if time_ms is None else time_ms
    return LogLines(account, "us-east-1", group, stream, tuple((moment, message) for message in messages))


def a_query(**changes: object) -> LogQuery:
    return LogQuery(**{"account": "1", "region": "us-east-1", "log_group": GROUP, **changes})  # type: ignore[arg-type]


def messages(lines: list[LogLine]) -> list[str]:
    return [line.message for line in lines]

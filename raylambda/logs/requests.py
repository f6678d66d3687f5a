"""Which invocation wrote a line. Pure.

An environment runs one invocation at a time, so what stands in its stream between an invocation's START and its END or
REPORT (``node.environment.logging``; in JSON the records ``platform.start``, ``platform.runtimeDone`` and
``platform.report``) was written while that one ran. Beyond that, a line of JSON may have a ``requestId`` of its own, as
runtimes write it. What is written before the first START, or between two invocations, belongs to none.

``ReadingBack`` takes the lines of a group from the newest back, as a page is read; ``ReadingOn`` takes them as they come.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from raylambda.logs.files import LogLine

_TEXT: Final = re.compile(r"(START|END|REPORT) RequestId: ([0-9A-Za-z-]{1,64})(?!\S)")
_JSON: Final = {
    "platform.start": "START",
    "platform.runtimeDone": "END",
    "platform.report": "REPORT",
    "platform.initStart": "INIT",
}


@dataclass(slots=True)
class LineOf:
    """A line and the id of its invocation; ``None`` when it has none, or while it is not ``decided``."""

    line: LogLine
    request_id: str | None = None
    decided: bool = False


class _Sign(NamedTuple):
    """What a line says of an invocation: ``kind`` is ``INIT`` (a runtime starts), ``START``, ``END``, ``REPORT`` or nothing."""

    kind: str = ""
    request_id: str | None = None


def _sign(message: str) -> _Sign:
    if message.startswith("{"):
        return _json_sign(message)
    if message.startswith("INIT_START "):
        return _Sign("INIT")
    found = _TEXT.match(message)
    return _Sign() if found is None else _Sign(found[1], found[2])


def _json_sign(message: str) -> _Sign:
    if '"requestId"' not in message and '"platform.initStart"' not in message:
        return _Sign()
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return _Sign()
    record, kind = document.get("record"), _JSON.get(str(document.get("type")), "")
    request_id = record.get("requestId") if kind and isinstance(record, dict) else document.get("requestId")
    known = request_id if isinstance(request_id, str) and request_id else None
    return _Sign("" if kind in {"START", "END", "REPORT"} and known is None else kind, known)


class ReadingBack:
    """Lines of any streams, newest first. Whose a line is comes out where its invocation began, or another one ended.

    ``running`` has, by stream, the invocations that had not ended.
    """

    def __init__(self) -> None:
        self._ended: dict[str, str | None] = {}
        self._open: dict[str, list[LineOf]] = {}
        self.running: dict[str, str] = {}

    @property
    def undecided(self) -> set[str]:
        """The streams that have lines of which it is open whose they are."""
        return set(self._open)

    def take(self, line: LogLine, *, asked: bool = True) -> LineOf:
        """The line, which this one or an older one decides. One that is not ``asked`` about only tells of others."""
        kind, request_id = _sign(line.message)
        if not kind:
            one = LineOf(line, request_id)
            if asked:
                self._open.setdefault(line.stream, []).append(one)
            return one
        ended = self._ended.get(line.stream)
        if kind == "START":
            if line.stream not in self._ended and request_id is not None:
                self.running[line.stream] = request_id
            whose = request_id if ended in {None, request_id} else None
        else:
            whose = request_id if ended == request_id else None
        self._decide(line.stream, whose)
        self._ended[line.stream] = request_id if kind in {"END", "REPORT"} else None
        return LineOf(line, request_id, decided=True)

    def decide_rest(self) -> None:
        """There are no older lines: an invocation that ended after the open ones had probably begun before."""
        for stream in self.undecided:
            self._decide(stream, self._ended.get(stream))

    def _decide(self, stream: str, request_id: str | None) -> None:
        for one in self._open.pop(stream, ()):
            one.request_id, one.decided = request_id or one.request_id, True


class ReadingOn:
    """Lines as they come, after a page of which ``running`` is what had begun and not ended, by stream."""

    def __init__(self, running: dict[str, str]) -> None:
        self._running = dict(running)

    def take(self, line: LogLine) -> LineOf:
        kind, request_id = _sign(line.message)
        if kind == "START" and request_id is not None:
            self._running[line.stream] = request_id
        elif kind in {"REPORT", "INIT"}:
            self._running.pop(line.stream, None)
        return LineOf(line, request_id if kind else self._running.get(line.stream, request_id), decided=True)

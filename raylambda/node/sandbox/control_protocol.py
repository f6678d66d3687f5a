"""The control protocol between a host and process 1 of a guest, as bytes (``bootstrap/init.py`` describes it); no I/O here.

What comes from a guest is hostile: ``ReportReader`` takes any bytes, keeps a bounded rest, and raises ``Misbehaved`` for everything
that is not a report.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from raylambda.node.sandbox.contract import RuntimeCommand

LONGEST_REPORT: Final = 4096
KILL: Final = b"\0\0\0\4kill"


class Misbehaved(Exception):
    """Process 1 sent what it may not send; the text says what."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Process 1 is up; the Runtime API's socket came with this."""


@dataclass(frozen=True, slots=True)
class NoSocket:
    """Process 1 has no Runtime API socket, because of ``reason``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    """The runtime process runs."""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The runtime process could not be started, because of ``reason``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The runtime process has ended; exactly one of ``status`` and ``signal`` is set."""

    status: int | None
    signal: int | None
    most_kib: int


@dataclass(frozen=True, slots=True)
class Killed:
    """Process 1 is alone."""


Report = Hello | NoSocket | Started | NotStarted | Exited | Killed
_PLAIN: Final[Mapping[bytes, type[Hello | Started | Killed]]] = {
    b"hello": Hello,
    b"started": Started,
    b"killed": Killed,
}
_WITH_REASON: Final[Mapping[bytes, type[NoSocket | NotStarted]]] = {b"no-socket": NoSocket, b"not-started": NotStarted}


def encode_run(command: RuntimeCommand) -> bytes:
    """The frame for ``command``; raises ``ValueError`` when a string holds NUL, which no process can be given."""
    how = b"forked" if command.forked else b"executed"
    fields = [b"run", os.fsencode(command.cwd), how, b"%d" % len(command.argv)]
    fields += map(os.fsencode, command.argv)
    fields += (_bytes(name) + b"=" + _bytes(value) for name, value in command.env.items())
    if any(b"\0" in field for field in fields):
        raise ValueError("an argument or an environment variable holds a NUL character")
    body = b"\0".join(fields)
    return len(body).to_bytes(4, "big") + body


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class ReportReader:
    """Turns bytes into reports."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> list[Report]:
        """The reports that are complete by now; raises ``Misbehaved``."""
        self._rest += data
        reports = []
        while len(self._rest) >= 4:
            length = int.from_bytes(self._rest[:4], "big")
            if length > LONGEST_REPORT:
                raise Misbehaved(f"a report of {length} bytes")
            if len(self._rest) < 4 + length:
                break
            reports.append(_report(self._rest[4 : 4 + length]))
            self._rest = self._rest[4 + length :]
        return reports


def _report(body: bytes) -> Report:
    match body.split(b"\0"):
        case [word] if word in _PLAIN:
            return _PLAIN[word]()
        case [word, reason] if word in _WITH_REASON:
            return _WITH_REASON[word](reason.decode("utf-8", "replace"))
        case [b"exited", b"status", number, most]:
            return Exited(_number(number), None, _number(most))
        case [b"exited", b"signal", number, most]:
            return Exited(None, _number(number), _number(most))
        case _:
            raise Misbehaved(f"an unknown report {body[:80]!r}")


def _number(value: bytes) -> int:
    if not value.isdigit() or len(value) > 12:
        raise Misbehaved(f"a number {value[:80]!r}")
    return int(value)

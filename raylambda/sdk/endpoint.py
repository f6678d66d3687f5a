"""Where connections go, read off an address, and how a failure there is told."""

from __future__ import annotations

import errno
import os
import select
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from raylambda.sdk.errors import AnswerLate, PlatformUnreachable

CONNECT_S: Final = 10.0
IDLE_S: Final = 60.0
"""Shorter than the front door keeps idle connections (75 s), so that it is not the one to close them."""
IDLE_LINKS: Final = 64
"""So many idle connections are kept at most."""
MAY_HAVE_RUN: Final = "what was asked for may have been done, or may go on"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``authority`` is what the ``Host`` header says; ``prefix`` begins every path."""

    address: str
    host: str
    port: int
    secure: bool
    authority: str
    prefix: str

    @classmethod
    def of(cls, address: str) -> Endpoint:
        """``address`` has been checked by ``find_connection``."""
        parts = urlsplit(address)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        return cls(address, parts.hostname or "", port, secure, parts.netloc, parts.path.rstrip("/"))

    def unreachable(self, why: str | Exception, *, whole: bool = False) -> PlatformUnreachable:
        """``whole``: the request had gone out."""
        reason: object = why
        if isinstance(why, OSError) and why.errno is not None and why.errno in errno.errorcode:
            reason = os.strerror(why.errno)  # asyncio and sockets word the same differently
        text = f"no answer from {self.address}: {reason}"
        return PlatformUnreachable(f"{text}; {MAY_HAVE_RUN}" if whole else text)

    def late(self, timeout_s: float | None) -> AnswerLate:
        waited = f" within {timeout_s:g} s" if timeout_s is not None else ""
        return AnswerLate(f"no answer from {self.address}{waited}; {MAY_HAVE_RUN}")


def is_silent(fileno: int) -> bool:
    """Whether the peer has neither closed nor said anything that was not read."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return not poll.poll(0)

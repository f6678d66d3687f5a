"""What the limits of one guest promise, and what makes them; the package says what is limited, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

MEGABYTE: Final = 1 << 20


class GuestLimits(Protocol):
    """The limits of one guest, from before process 1 does anything to after its last process is gone."""

    def argv_prefix(self) -> Sequence[str]:
        """What goes before the command line of a guest's first program to put it, and all that it starts, under the limits."""
        ...

    def admit(self, pid: int) -> None:
        """Make sure that process 1 is under the limits; raises ``OSError``."""
        ...

    def memory_bytes(self) -> int:
        """Anonymous memory of the guest now; 0 once it is gone."""
        ...

    def oom_kills(self) -> int:
        """How many of the guest's processes the kernel has killed for memory."""
        ...

    def tasks_exceeded(self) -> bool:
        """Whether there are more processes than allowed; always false where the kernel refuses them."""
        ...

    async def give_back(self) -> None:
        """Free what the limits took; the guest's processes are gone."""
        ...


class LimitsFactory(Protocol):
    """Makes the limits of guests; ``measure`` and ``warnings`` are for people."""

    @property
    def measure(self) -> str: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def make(self, name: str, memory_mb: int, ephemeral_mb: int) -> GuestLimits: ...

    def close(self) -> None: ...

"""A real host with real jails, without Ray: packages in, results out."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raylambda.model.environment import EnvironmentStarted, HostEvent, LogLines
from raylambda.model.invocation import InvocationResult
from raylambda.node.host import Host
from raylambda.node.host_parts import HostSettings
from tests.builders import a_start, a_version, a_zip, an_invocation


def settings_in(folder: Path, **changes: Any) -> HostSettings:
    values: dict[str, Any] = {
        "host_id": "real",
        "state_dir": folder,
        "network": "none",
        "node_id": "this",
        "poll_s": 0.3,
        "batch_s": 0.0,
    }
    return HostSettings(**{**values, **changes})


@dataclass
class RealFunction:
    """One environment of one function."""

    host: Host
    environment_id: str
    started: EnvironmentStarted
    lines: list[str] = field(default_factory=list)

    async def invoke(self, payload: bytes = b"{}", **changes: Any) -> InvocationResult:
        invocation = an_invocation(payload, **{"request_id": str(uuid.uuid4()), **changes})
        return await self.host.invoke(self.environment_id, invocation)

    def hear(self, events: list[HostEvent]) -> None:
        """Keep the log lines among the host's events."""
        self.lines += [text for event in events if isinstance(event, LogLines) for _, text in event.lines]


async def a_function(host: Host, source: str | Mapping[str, str], **version: Any) -> RealFunction:
    """Start an environment of a function whose code is ``app.py``, or these files."""
    package = a_zip({"app.py": source} if isinstance(source, str) else source)
    sha256 = hashlib.sha256(package).hexdigest()
    values = {"code_sha256": sha256, "code_size": len(package), "timeout_s": 20, "memory_mb": 256, **version}
    start = a_start(uuid.uuid4().hex, a_version(**values), package=[package])
    return RealFunction(host, start.environment_id, await host.start(start))

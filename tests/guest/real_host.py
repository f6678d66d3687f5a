"""A real host with real jails, without Ray: packages in, results out."""

from __future__ import annotations

import hashlib
import io
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raylambda.model.environment import EnvironmentStarted, HostEvent, LogLines, StartEnvironment
from raylambda.model.function import FunctionVersion, State
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.node.host import Host
from raylambda.node.host_parts import HostSettings
from raylambda.node.runtimes.interpreters import base_interpreter

OWN_PYTHON = "python{}.{}".format(*base_interpreter().version)


def a_package(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return packed.getvalue()


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
        arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
        invocation = Invocation(str(uuid.uuid4()), payload, arn, **{"tail": True, **changes})
        return await self.host.invoke(self.environment_id, invocation)

    def hear(self, events: list[HostEvent]) -> None:
        """Keep the log lines among the host's events."""
        self.lines += [text for event in events if isinstance(event, LogLines) for _, text in event.lines]


async def a_function(host: Host, source: str | Mapping[str, str], **version: Any) -> RealFunction:
    """Start an environment of a function whose code is ``app.py``, or these files."""
    package = a_package({"app.py": source} if isinstance(source, str) else source)
    fields: dict[str, Any] = {
        "account": "123456789012",
        "region": "us-east-1",
        "name": "f",
        "version": "$LATEST",
        "generation": "g1",
        "state": State.ACTIVE,
        "runtime": OWN_PYTHON,
        "handler": "app.handler",
        "code_sha256": hashlib.sha256(package).hexdigest(),
        "code_size": len(package),
        "timeout_s": 20,
        "memory_mb": 256,
    }
    environment_id = uuid.uuid4().hex
    start = StartEnvironment(environment_id, FunctionVersion(**{**fields, **version}), "stream", [package])
    return RealFunction(host, environment_id, await host.start(start))

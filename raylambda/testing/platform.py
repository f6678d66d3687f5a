"""A platform of one's own: started as a user starts it, in an empty data directory, and ended afterwards."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from raylambda.sdk import Client

START_LIMIT_S = 120.0


class PlatformFailed(Exception):
    """`raylambda up` ended or did not become healthy; the text ends with what it printed."""


@dataclass(frozen=True)
class Platform:
    """A running platform: where it listens, a key that it accepts, its process and what it prints."""

    endpoint: str
    access_key_id: str
    secret: str
    region: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path
    started_in_s: float

    def boto3_arguments(self) -> dict[str, str]:
        """Keyword arguments for ``boto3.client("lambda", ...)``."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret,
        }


@contextmanager
def running_platform(
    settings: Mapping[str, str] | None = None, prefix: Sequence[str] = (), program: Path | None = None
) -> Iterator[Platform]:
    """Start `raylambda up` on a free port and wait until it is healthy; at the end stop it and remove its data.

    ``settings`` are ``RAYLAMBDA_*`` and other variables; data in a ``RAYLAMBDA_HOME`` of the caller's stay. ``prefix`` is a
    command that becomes `raylambda up`, as another user for example. ``program`` is another installation's `raylambda`.
    """
    with tempfile.TemporaryDirectory(prefix="raylambda-") as folder:
        home, log = Path(folder) / "data", Path(folder) / "platform.log"
        endpoint, key, secret = f"http://127.0.0.1:{_free_port()}", "AKIDTESTING", secrets.token_urlsafe(24)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAYLAMBDA_")},
            "RAYLAMBDA_HOME": str(home),
            "RAYLAMBDA_ACCESS_KEYS": f"{key}:{secret}",
            **(settings or {}),
        }
        own = program or Path(sys.executable).parent / "raylambda"
        command = [*prefix, str(own), "up", "--port", endpoint.rpartition(":")[2]]
        with log.open("wb") as output:
            # Ray's workers look for modules in the folder of the command first: another installation runs in its own checkout.
            folder_of_program = None if program is None else program.parents[2]
            process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder_of_program
            )
        try:
            started_in_s = _wait_until_healthy(endpoint, process, log)
            yield Platform(
                endpoint, key, secret, "us-east-1", Path(environment["RAYLAMBDA_HOME"]), process, log, started_in_s
            )
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> float:
    began = time.monotonic()
    client = Client(endpoint, "", "", "")  # health needs no signature
    while time.monotonic() - began < START_LIMIT_S:
        if process.poll() is not None:
            raise PlatformFailed(f"raylambda up ended with status {process.returncode}:\n{_tail(log)}")
        if client.health():
            return time.monotonic() - began
        time.sleep(0.1)
    raise PlatformFailed(f"raylambda up was not healthy after {START_LIMIT_S:.0f} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

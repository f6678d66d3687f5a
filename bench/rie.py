"""AWS's Runtime Interface Emulator as a peer: the binary that the PyPI package aws-sam-cli carries, with awslambdaric."""

from __future__ import annotations

import http.client
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path

PEERS = Path(__file__).parent.parent / ".local" / "peers"
BINARY = PEERS / "samcli/local/rapid" / f"aws-lambda-rie-{'arm64' if platform.machine() == 'aarch64' else 'x86_64'}"


def install() -> None:
    """Fetch the peer once into `.local/peers`."""
    if not BINARY.exists():
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(PEERS),
            "aws-sam-cli",
        ]
        subprocess.run(command, check=True)
        BINARY.chmod(0o755)


def cold_start(code: Path, payload: bytes) -> float:
    """Seconds from the spawn of RIE and its runtime to the first answer."""
    public, internal = _free_port(), _free_port()
    addresses = [
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{public}",
        "--runtime-api-address",
        f"127.0.0.1:{internal}",
    ]
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(BINARY), *addresses, sys.executable, "-m", "awslambdaric", "app.handler"],
        cwd=code,
        env={**os.environ, "AWS_LAMBDA_FUNCTION_TIMEOUT": "30", "LAMBDA_TASK_ROOT": str(code)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _first_answer(public, payload)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()


def _first_answer(port: int, payload: bytes) -> bytes:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/2015-03-31/functions/function/invocations", payload)
            return connection.getresponse().read()
        except ConnectionRefusedError:
            time.sleep(0.001)
    raise RuntimeError("RIE did not answer within 30 s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

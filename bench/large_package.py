"""Cold starts of a package with numpy and boto3: later environments on a node, against AWS's emulator with its byte code written."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from typing import Any

from bench import rie
from bench.lean_client import LeanClient
from raylambda.testing.platform import Platform
from tests.waiting import until

FOLDER = rie.PEERS.parent / "numpy-boto3"
HANDLER = "import boto3, numpy\n\ndef handler(event, context):\n    return int(numpy.arange(event['count']).sum())\n"
NAME = "bench-large"
PAYLOAD = b'{"count":10}'


def install() -> None:
    """Fetch the packages once, and write their byte code, which RIE's Python takes."""
    if not (FOLDER / "app.py").exists():
        installer = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(FOLDER), "numpy", "boto3"]
        subprocess.run(installer, check=True)
        (FOLDER / "app.py").write_text(HANDLER)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(FOLDER)], check=True)


def measure(lean: LeanClient, client: Any, platform: Platform, samples: int) -> tuple[list[float], list[float]]:
    """Seconds to the first answer of new environments, and from RIE's spawn to the same; samples alternate."""
    _deploy(client)
    lean.send(lean.prepare(NAME, PAYLOAD))  # the first environment, from the plain tree
    until(lambda: list((platform.home / "node/code").glob("*/cpython-*[0-9]/app.py")), what="a compiled tree")
    ours, peer = [], []
    for number in range(samples):
        client.update_function_configuration(FunctionName=NAME, Environment={"Variables": {"ROUND": str(number)}})
        until(lambda: client.get_function_configuration(FunctionName=NAME)["LastUpdateStatus"] == "Successful")
        ours.append(lean.send(lean.prepare(NAME, PAYLOAD))[1])
        peer.append(rie.cold_start(FOLDER, PAYLOAD))
    client.delete_function(FunctionName=NAME)
    return ours, peer


def _deploy(client: Any) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(FOLDER.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(FOLDER))
    client.create_function(
        FunctionName=NAME,
        Runtime="python{}.{}".format(*sys.version_info[:2]),
        Role="arn:aws:iam::123456789012:role/bench",
        Handler="app.handler",
        MemorySize=512,
        Timeout=30,
        Code={"ZipFile": package.getvalue()},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=NAME)

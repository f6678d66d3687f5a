"""`raylambda deploy`: of an unchanged function with pandas, and from an edit to hello's answer."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from raylambda.sdk import Client
from raylambda.testing.platform import Platform

ROUNDS = int(os.environ.get("RAYLAMBDA_BENCH_ROUNDS", "10"))
HANDLER = "def handler(event, context):\n    return {number}\n"


def measure(platform: Platform) -> tuple[list[float], list[float]]:
    """Seconds of deploying an unchanged function with pandas, and from an edit of hello to its answer; samples alternate."""
    with tempfile.TemporaryDirectory() as temporary, client_of(platform) as client:
        pandas, hello = Path(temporary) / "with-pandas", Path(temporary) / "hello"
        for folder in (pandas, hello):
            folder.mkdir()
            (folder / "app.py").write_text(HANDLER.format(number=0))
        (pandas / "requirements.txt").write_text("pandas\n")
        deploy(platform, pandas)
        deploy(platform, hello)
        unchanged, edits = [], []
        for number in range(1, ROUNDS + 1):
            unchanged.append(deploy(platform, pandas))
            (hello / "app.py").write_text(HANDLER.format(number=number))
            took, began = deploy(platform, hello), time.perf_counter()
            assert client.invoke("hello").value == number
            edits.append(took + time.perf_counter() - began)
    return unchanged, edits


def client_of(platform: Platform) -> Client:
    return Client(platform.endpoint, platform.access_key_id, platform.secret, platform.region)


def deploy(platform: Platform, folder: Path) -> float:
    """Seconds of the command, its start included."""
    own = {
        "RAYLAMBDA_HOME": str(platform.home),
        "AWS_ENDPOINT_URL_LAMBDA": platform.endpoint,
        "AWS_ACCESS_KEY_ID": platform.access_key_id,
        "AWS_SECRET_ACCESS_KEY": platform.secret,
        "AWS_REGION": platform.region,
    }
    command = [str(Path(sys.executable).parent / "raylambda"), "deploy", str(folder)]
    began = time.perf_counter()
    subprocess.run(command, env={**os.environ, **own}, check=True, capture_output=True)
    return time.perf_counter() - began

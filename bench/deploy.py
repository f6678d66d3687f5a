"""`python -m bench.deploy`: `raylambda deploy` of an unchanged function with pandas, and from an edit to hello's answer."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from raylambda.sdk import Client
from raylambda.testing.platform import Platform, running_platform

ROUNDS = int(os.environ.get("RAYLAMBDA_BENCH_ROUNDS", "10"))
HANDLER = "def handler(event, context):\n    return {number}\n"


def main() -> None:
    """Both figures: median, 0 to 100 %."""
    with running_platform() as platform, tempfile.TemporaryDirectory() as temporary:
        client = Client(platform.endpoint, platform.access_key_id, platform.secret, platform.region)
        pandas, hello = Path(temporary) / "with-pandas", Path(temporary) / "hello"
        for folder in (pandas, hello):
            folder.mkdir()
            (folder / "app.py").write_text(HANDLER.format(number=0))
        (pandas / "requirements.txt").write_text("pandas\n")
        first = deploy(platform, pandas)
        deploy(platform, hello)
        unchanged = [deploy(platform, pandas) for _ in range(ROUNDS)]
        edits = []
        for number in range(1, ROUNDS + 1):
            (hello / "app.py").write_text(HANDLER.format(number=number))
            took, began = deploy(platform, hello), time.perf_counter()
            assert client.invoke("hello").payload == str(number).encode()
            edits.append(took + time.perf_counter() - began)
    print(f"deploy with pandas, the first time  {first:.2f} s")
    for what, figures, bar in (("unchanged with pandas", unchanged, 1.0), ("edit to answer of hello", edits, 0.6)):
        print(
            f"{what:35} {statistics.median(figures):.2f} s ({min(figures):.2f} to {max(figures):.2f}; at most {bar} s)"
        )


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


if __name__ == "__main__":
    main()

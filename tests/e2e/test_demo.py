"""`make demo` without its set-up: the main job from nothing, on real photographs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from socket import create_connection

import pytest

from tests.e2e.commands import REPOSITORY


@pytest.mark.timeout(300)
def test_the_demo_describes_every_photograph_and_cleans_up() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RAYLAMBDA_"))}

    done = subprocess.run(
        [sys.executable, "-m", "examples.image_metadata.demo"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    output = done.stdout
    for photograph in ("china", "flower", "grace_hopper", "hubble_deep_field", "rocket"):
        row = re.search(rf"^ *{photograph} +JPEG \d+ x \d+ .*$", output, re.MULTILINE)
        assert row, output
        assert re.search(r"█ #[0-9a-f]{6} .* KB +\d+ +\d+ *$", row[0]), row[0]
    assert "5 events were accepted, run and logged within " in output
    assert "Published version 1; alias live answers with version 1." in output
    assert "\nHow to go on\n" in output
    endpoint = re.search(r"A platform answers at http://127\.0\.0\.1:(\d+) ", output)
    assert endpoint
    assert not _listens(int(endpoint[1]))


def _listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True

"""Tools of the Lambda world, unchanged, against a running platform; and the page that says so."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools.catalog import CLIENTS, HERE, LIBRARIES, REPOSITORY, Client, Library, page
from tests.tools.conftest import missing

pytestmark = pytest.mark.timeout(300)

PROGRAMS = {".py": "python", ".mjs": "node", ".cjs": "node", ".sh": "bash"}


@pytest.mark.parametrize("tool", CLIENTS, ids=lambda tool: tool.script)
def test_a_tool_that_talks_to_the_platform(
    tool: Client, installed: Callable[[str], Path], shell: dict[str, str], tmp_path: Path
) -> None:
    group = installed(tool.group)
    programs = [group / ".venv" / "bin", group / "node_modules" / ".bin"]
    variables = {**shell, "PATH": os.pathsep.join([*map(str, programs), shell["PATH"]])}
    for needed in ("aws", "curl", "node"):
        if shutil.which(needed, path=variables["PATH"]) is None:
            missing(f"{needed} is not installed")
    if (group / "node_modules").is_dir():
        (tmp_path / "node_modules").symlink_to(group / "node_modules")
    shutil.copy(HERE / tool.group / tool.script, tmp_path)

    done = subprocess.run(
        [PROGRAMS[Path(tool.script).suffix], tool.script],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    said = done.stdout + done.stderr
    assert (done.returncode == 0) is (tool.refusal == ""), said
    assert tool.refusal in said


@pytest.mark.parametrize("tool", LIBRARIES, ids=lambda tool: f"{tool.group}-{tool.handler}")
def test_a_library_in_a_function(tool: Library, function: Callable[[str, str], tuple[Any, str]]) -> None:
    client, name = function(tool.group, tool.handler)

    answer = client.invoke(FunctionName=name, Payload=json.dumps(tool.event), LogType="Tail")

    payload = json.loads(answer["Payload"].read())
    body = (
        json.loads(payload["body"]) if isinstance(payload, dict) and isinstance(payload.get("body"), str) else payload
    )
    assert (answer.get("FunctionError"), body) == (None, tool.answer)
    assert tool.log in base64.b64decode(answer["LogResult"]).decode("utf-8", "replace")


def test_the_page_is_the_table() -> None:
    path = REPOSITORY / "docs" / "tools.md"
    if os.environ.get("RAYLAMBDA_WRITE_GOLDENS"):
        path.write_text(page(), "utf-8")

    assert path.read_text("utf-8") == page(), "run: RAYLAMBDA_WRITE_GOLDENS=1 pytest tests/tools -k page"


def test_the_lock_files_name_no_registry() -> None:
    for lock in [*HERE.glob("*/package-lock.json"), *HERE.glob("*/requirements.lock")]:
        text = lock.read_text("utf-8")
        assert '"resolved"' not in text
        assert "index-url" not in text

"""The commands in the README and in docs/ work as they are printed: every ```sh block runs against a platform."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from raylambda.testing.platform import Platform
from tests.e2e.commands import RAYLAMBDA, REPOSITORY, Command

pytestmark = pytest.mark.timeout(300)


def blocks(document: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def run(script: str, platform: Platform, folder: Path) -> str:
    """Run as a newcomer's shell would in the clone, with raylambda and the AWS CLI installed."""
    aws = REPOSITORY / ".venv-awscli" / "bin"
    path = [str(RAYLAMBDA.parent), *([str(aws)] if (aws / "aws").is_file() else []), os.environ["PATH"]]
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(RAYLAMBDA.parent.parent)
    variables = {
        **Command(RAYLAMBDA).environment,
        "PATH": os.pathsep.join(path),
        "HOME": str(folder),
        "RAY_AUTH_TOKEN_PATH": str(Path.home() / ".ray" / "auth_token"),
        "RAYLAMBDA_HOME": str(platform.home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
    # The platform runs already, and what goes on until Ctrl-C would go on for ever.
    lines = [line.replace(" --follow", "") for line in script.splitlines() if not line.startswith("make ")]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readme_in_order(platform: Platform, tmp_path: Path) -> None:
    if shutil.which("aws") is None and not (REPOSITORY / ".venv-awscli").exists():
        message = "the AWS CLI is not installed: make .venv-awscli/bin/aws"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    start, use, options = blocks(REPOSITORY / "README.md")[:3]

    used = run(use, platform, tmp_path)
    [python] = re.findall(r"^```python\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    from_python = run(f"{shlex.quote(sys.executable)} - <<'PYTHON'\n{python}PYTHON", platform, tmp_path)
    with_options = run(
        f'eval "$(raylambda env)"\n{options}\nraylambda invoke hello\nraylambda delete hello', platform, tmp_path
    )

    assert start.startswith("make demo")
    assert '{"hello": {"name": "world"}}\n' in used
    assert '{"hello": {"name": "AWS CLI"}}' in used
    assert "REPORT RequestId: " in used
    assert from_python == "{'hello': {'name': 'Python'}}\n"
    assert with_options.splitlines() == ['{"hello": {}}', "deleted hello"]


def test_the_page_about_running_it(platform: Platform, tmp_path: Path) -> None:
    output = [
        run(f'eval "$(raylambda env)"\n{block}', platform, tmp_path)
        for block in blocks(REPOSITORY / "docs/operations.md")
    ]

    assert "isolation of " in output[0]
    assert json.loads(output[0][output[0].index("{") : output[0].rindex("\n}\n") + 2])["auth"] == "sigv4"
    assert "Resources" in output[0]

"""What the commands print for programs is what docs/command-line.md says of them (``status``: ``tests/e2e/test_cli.py``)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from raylambda.cli.app import COMMANDS, run
from raylambda.cli.up import Steps
from raylambda.home import PlatformNote
from raylambda.logs.writer import LogWriter
from raylambda.model.clock import SystemClock
from raylambda.model.environment import LogLines
from tests.plugins.frontdoor import ACCOUNT, KEY, Served

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE))
Json = Callable[..., list[Any]]


def documented(command: str) -> set[str]:
    """The keys that the command's row names."""
    return {word for word in re.findall(r"`([^`]+)`", ROWS[command]) if not word.startswith("--")}


@pytest.fixture
def printed(
    front_door: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Json:
    """Runs a command line with ``--json`` against the front door, where the function ``hello`` is; the documents on stdout."""
    for name, value in {
        "AWS_ENDPOINT_URL_LAMBDA": front_door.url,
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEY.secret,
        "AWS_REGION": "us-east-1",
        "RAYLAMBDA_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "hello").mkdir()
    (tmp_path / "hello" / "app.py").write_text("def handler(event, context): return 1\n")

    def printed_by(*arguments: str) -> list[Any]:
        capsys.readouterr()
        assert run([*arguments, "--json"]) == 0
        text = capsys.readouterr().out
        return [json.loads(text)] if text.startswith(("{\n", "[\n")) else [json.loads(one) for one in text.splitlines()]

    printed_by("deploy", str(tmp_path / "hello"))
    return printed_by


def test_every_command_has_a_row() -> None:
    assert ROWS.keys() == COMMANDS.keys()


@pytest.mark.parametrize(
    "arguments", [["deploy", "hello"], ["invoke", "hello"], ["delete", "hello"], ["completion", "bash"]]
)
def test_a_commands_keys_are_those_of_its_row(printed: Json, tmp_path: Path, arguments: list[str]) -> None:
    command, last = arguments
    [document] = printed(command, str(tmp_path / last) if command == "deploy" else last)

    assert document.keys() == documented(command)


def test_list_and_get_give_awss_configurations_and_the_keys_of_their_rows(printed: Json, front_door: Served) -> None:
    aws = front_door.client()
    [document] = printed("get", "hello")

    assert printed("list")[0][0].keys() == aws.list_functions()["Functions"][0].keys()
    assert documented("list") == set()
    assert document.keys() - aws.get_function(FunctionName="hello")["Configuration"].keys() == documented("get")


def test_lines_of_a_log_have_the_keys_of_the_row(printed: Json, front_door: Served, tmp_path: Path) -> None:
    lines = LogLines(ACCOUNT, "us-east-1", "/aws/lambda/hello", "s", ((int(time.time() * 1000), "a line"),))
    LogWriter(tmp_path / "logs", SystemClock(), front_door.door.logs.wake).append(lines)

    [line] = printed("logs", "hello")

    assert line.keys() == documented("logs")


def test_env_prints_variables_or_the_keys_of_its_row(printed: Json, front_door: Served, tmp_path: Path) -> None:
    note = PlatformNote(front_door.url, "us-east-1", KEY.access_key_id, KEY.secret, "127.0.0.1:6379", "disabled")
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "platform.json").write_text(json.dumps(asdict(note)))

    [variables] = printed("env")
    [written] = printed("env", "--profile", "mine")

    assert variables["AWS_ENDPOINT_URL_LAMBDA"] == front_door.url
    assert written.keys() == documented("env")


def test_steps_of_a_start_have_the_keys_of_the_row(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(as_json=True)
    steps("a warning", warning=True)
    steps("serves", endpoint="http://127.0.0.1:8470")

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert set().union(*told) == documented("up")

"""Every command of `raylambda`, through the console script in a process of its own."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import boto3
import pytest

from raylambda import __version__
from raylambda.testing.platform import Platform
from tests.e2e.commands import RAYLAMBDA, Command

Run = Callable[..., subprocess.CompletedProcess[str]]

ECHO = "def handler(event, context):\n    print('said', event)\n    return event\n"
FAILS = "def handler(event, context):\n    raise ValueError('[no] reason')\n"


@pytest.fixture(scope="session")
def raylambda(platform: Platform) -> Command:
    """The command as somebody on the platform's machine has it: only the home is known."""
    return Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(platform.home)})


@pytest.fixture
def folder(tmp_path: Path, raylambda: Command) -> Iterator[Path]:
    """A folder with a function that echoes; its name is the function's, which is deleted afterwards."""
    made = tmp_path / f"cli-{uuid4().hex[:8]}"
    made.mkdir()
    (made / "app.py").write_text(ECHO)
    yield made
    raylambda("delete", made.name)


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed command leaves on stderr."""
    assert done.returncode not in {0, -signal.SIGKILL}, done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_the_lines_of_env_make_a_boto3_client(raylambda: Command, deploy: Any, platform: Platform) -> None:
    name = deploy(ECHO)

    lines = raylambda.output("env")
    shell = f"eval {shlex.quote(lines)}; env -0"
    result = subprocess.run(
        ["sh", "-c", shell], capture_output=True, text=True, check=True, env={"AWS_SESSION_TOKEN": "x"}
    )
    variables = dict(pair.split("=", 1) for pair in result.stdout.split("\0") if pair)

    assert variables["AWS_ENDPOINT_URL_LAMBDA"] == platform.endpoint
    assert "AWS_SESSION_TOKEN" not in variables
    client = boto3.client(
        "lambda",
        endpoint_url=variables["AWS_ENDPOINT_URL_LAMBDA"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    assert client.get_function(FunctionName=name)["Configuration"]["FunctionName"] == name


def test_a_shell_that_evaluated_env_reaches_the_platform_without_its_home(
    raylambda: Command, deploy: Any, tmp_path: Path
) -> None:
    name = deploy(ECHO)
    found = dict(re.findall(r"export (\w+)=(\S+)", raylambda.output("env")))
    elsewhere = Command(RAYLAMBDA, {**found, "RAYLAMBDA_HOME": str(tmp_path / "none")})

    assert name in elsewhere.output("list")


def test_a_folder_becomes_a_function_and_is_updated(raylambda: Command, folder: Path, client: Any) -> None:
    created = raylambda(
        "deploy", folder, "--env", "COLOUR=blue", "--env", "EMPTY=", "--memory", "256", "--timeout", "9"
    )
    assert created.returncode == 0, created.stderr
    assert json.loads(raylambda.output("invoke", folder.name, "--payload", '{"a": "ü"}')) == {"a": "ü"}

    (folder / "app.py").write_text("import os\ndef handler(event, context):\n    return os.environ['COLOUR']\n")
    updated = raylambda("deploy", folder, "--publish")

    assert created.stderr.startswith(f"Created arn:aws:lambda:us-east-1:123456789012:function:{folder.name} (python3.")
    assert updated.stderr.startswith("Updated ")
    assert updated.stderr.splitlines()[0].endswith(", version 1")
    assert raylambda.output("invoke", folder.name) == '"blue"\n'
    assert raylambda.output("invoke", folder.name, "--qualifier", "1") == '"blue"\n'
    configuration = client.get_function_configuration(FunctionName=folder.name)
    assert (configuration["MemorySize"], configuration["Timeout"]) == (256, 9)
    assert configuration["Environment"]["Variables"] == {"COLOUR": "blue", "EMPTY": ""}


def test_what_requirements_ask_for_is_in_the_package(raylambda: Command, folder: Path, client: Any) -> None:
    (folder / "requirements.txt").write_text("six==1.17.0\n")
    (folder / "app.py").write_text(
        "import six\ndef handler(event, context):\n    return [six.__version__, six.__file__]\n"
    )

    deployed = raylambda("deploy", folder, "--name", folder.name)

    assert deployed.returncode == 0, deployed.stderr
    assert json.loads(raylambda.output("invoke", folder.name)) == ["1.17.0", "/var/task/six.py"]
    with urlopen(client.get_function(FunctionName=folder.name)["Code"]["Location"]) as answer:
        names = zipfile.ZipFile(BytesIO(answer.read())).namelist()
    assert {"app.py", "six.py", "requirements.txt"} <= set(names)


def test_requirements_that_do_not_exist_are_an_error(raylambda: Command, folder: Path) -> None:
    (folder / "requirements.txt").write_text("six==0.0.0.1\n")

    failed = raylambda("deploy", folder)

    assert failed.returncode == 1
    assert failed.stderr.startswith(f"error: {folder}/requirements.txt could not be installed: ")
    assert "six==0.0.0.1" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_ray_options_come_from_a_file(raylambda: Command, folder: Path, tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"num_gpus": 3}')

    deployed = raylambda("deploy", folder, "--ray-options", options)
    answer = raylambda("invoke", folder.name)

    assert deployed.returncode == 0, deployed.stderr
    assert answer.returncode == 1
    assert "no node offers num_gpus=3 (most: " in failure(answer)


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_bad_ray_options_are_refused_before_anything_is_made(
    raylambda: Command, folder: Path, text: str | None
) -> None:
    options = folder / "options.json"
    if text is not None:
        options.write_text(text)

    line = failure(raylambda("deploy", folder, "--ray-options", options))

    assert line.startswith(f"error: the Ray options in {options} ")
    assert folder.name not in raylambda.output("list")


def test_payloads_come_from_a_file_or_standard_input(raylambda: Command, deploy: Any, tmp_path: Path) -> None:
    name = deploy(ECHO)
    event = tmp_path / "event.json"
    event.write_text('{"from": "file"}')

    assert json.loads(raylambda.output("invoke", name, "--payload", f"@{event}")) == {"from": "file"}
    assert json.loads(raylambda.output("invoke", name, "--payload", "-", stdin='["stdin"]')) == ["stdin"]


def test_the_tail_goes_to_stderr_so_that_stdout_is_the_answer(raylambda: Command, deploy: Any) -> None:
    name = deploy(ECHO)

    done = raylambda("invoke", name, "--payload", '"[x]"', "--tail")

    assert done.stdout == '"[x]"\n'
    assert "START RequestId: " in done.stderr
    assert "said [x]" in done.stderr
    assert "REPORT RequestId: " in done.stderr


def test_an_event_is_accepted(raylambda: Command, deploy: Any) -> None:
    name = deploy(ECHO)

    done = raylambda("invoke", name, "--event")

    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(r"accepted as [0-9a-f-]{36}\n", done.stderr)


def test_a_function_error_is_printed_and_the_exit_status_is_1(raylambda: Command, deploy: Any) -> None:
    name = deploy(FAILS)

    done = raylambda("invoke", name)

    assert done.returncode == 1
    assert json.loads(done.stdout)["errorMessage"] == "[no] reason"
    assert done.stderr == f"error: {name} failed (Unhandled); its log: raylambda logs {name}\n"


def test_functions_are_listed_shown_and_deleted(raylambda: Command, folder: Path) -> None:
    raylambda.output("deploy", folder)

    rows = raylambda.output("list").splitlines()
    document = json.loads(raylambda.output("get", folder.name))
    deleted = raylambda.output("delete", folder.name)

    assert rows[0].split() == ["NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "CODE", "LAST", "MODIFIED"]
    assert any(row.startswith(f"{folder.name} ") and "app.handler" in row for row in rows[1:])
    assert document["FunctionName"] == folder.name
    assert document["CodeLocation"].startswith("http://127.0.0.1:")
    assert deleted == f"deleted {folder.name}\n"
    assert folder.name not in raylambda.output("list")


def test_logs_are_shown_with_and_without_times(raylambda: Command, deploy: Any) -> None:
    name = deploy(ECHO)
    raylambda.output("invoke", name, "--payload", '"a"')
    await_line(raylambda, name, "said a")

    stamped = raylambda.output("logs", name).splitlines()
    bare = raylambda.output("logs", name, "--no-times", "--since", "1h", "--limit", "100").splitlines()

    assert "said a" in bare
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z  said a", stamped[bare.index("said a")])


@contextmanager
def following(raylambda: Command, name: str) -> Iterator[subprocess.Popen[str]]:
    process = raylambda.begin("logs", name, "--follow", "--no-times")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_following_a_log_shows_lines_as_they_come_until_ctrl_c(raylambda: Command, deploy: Any) -> None:
    name = deploy(ECHO)
    raylambda.output("invoke", name, "--payload", '"before"')

    with following(raylambda, name) as process:
        assert process.stdout is not None
        until(process.stdout, "said before")
        raylambda.output("invoke", name, "--payload", '"after"')
        until(process.stdout, "said after")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Traceback" not in errors


def await_line(raylambda: Command, name: str, wanted: str) -> None:
    """A line is on its way from its host when the answer is here already."""
    with following(raylambda, name) as process:
        until(process.stdout, wanted)


def until(lines: Iterator[str] | Any, wanted: str) -> None:
    """Read lines up to the one that is wanted; the test's own time limit ends a wait in vain."""
    for line in lines:
        if line.rstrip("\n") == wanted:
            return
    raise AssertionError(f"{wanted!r} did not come")


def test_a_reader_that_goes_away_is_no_error(raylambda: Command, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    print('line\\n' * 5000)\n")
    raylambda.output("invoke", name)
    await_line(raylambda, name, "line")
    pipeline = f"{shlex.quote(str(RAYLAMBDA))} logs {name} --limit 10000 | head -n 1"

    done = subprocess.run(["sh", "-c", pipeline], env=raylambda.environment, capture_output=True, text=True, check=True)

    assert "INIT_START" in done.stdout
    assert "Traceback" not in done.stderr


def test_logs_of_one_invocation_are_found_and_guests_steer_no_terminal(raylambda: Command, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    print('\\x1b[2J' + event)\n")
    first = json.loads(raylambda.output("invoke", name, "--payload", '"a"', "--json"))
    raylambda.output("invoke", name, "--payload", '"b"')
    await_line(raylambda, name, r"\x1b[2Jb")

    own = raylambda.output("logs", name, "--no-times", "--request-id", first["RequestId"]).splitlines()
    raw = raylambda.output("logs", name, "--no-times", "--raw", "--filter", "[2J").splitlines()
    told = [json.loads(line) for line in raylambda.output("logs", name, "--json", "--filter", "[2J").splitlines()]
    whose = raylambda.output("logs", name, "--no-times", "--with-request-id", "--filter", "[2Ja")

    assert [line.split()[0] for line in own] == ["START", r"\x1b[2Ja", "END", "REPORT"]
    assert raw == ["\x1b[2Ja", "\x1b[2Jb"]
    assert [line["message"] for line in told] == raw
    assert told[0]["request_id"] == first["RequestId"]
    assert whose == f"{first['RequestId']}  \\x1b[2Ja\n"


def test_a_profile_reaches_the_platform(raylambda: Command, deploy: Any, tmp_path: Path) -> None:
    name = deploy(ECHO)
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}

    written = Command(RAYLAMBDA, {**raylambda.variables, **files}).output("env", "--profile", "mine", "--json")
    elsewhere = Command(RAYLAMBDA, {**files, "AWS_PROFILE": "mine", "RAYLAMBDA_HOME": str(tmp_path / "none")})

    assert json.loads(written)["profile"] == "mine"
    assert name in elsewhere.output("list")


def test_a_region_without_functions_names_those_that_have_some(raylambda: Command, deploy: Any) -> None:
    deploy(ECHO)
    found = dict(re.findall(r"export (\w+)=(\S+)", raylambda.output("env")))

    done = Command(RAYLAMBDA, {**found, "AWS_REGION": "eu-west-1"})("list")

    assert done.returncode == 0
    assert re.fullmatch(r"no functions in eu-west-1; \d+ in us-east-1 \(AWS_REGION chooses\)\n", done.stderr)


def test_function_names_are_completed(raylambda: Command, deploy: Any) -> None:
    name = deploy(ECHO)

    assert raylambda.output("__complete", "invoke", name[:-1]).splitlines() == [name]


def test_status_shows_nodes_hosts_environments_and_isolation(
    raylambda: Command, deploy: Any, platform: Platform
) -> None:
    name = deploy(ECHO)
    raylambda.output("invoke", name)

    text = raylambda.output("status", "--all")
    document = json.loads(raylambda.output("status", "--json"))

    assert text.startswith(
        f"endpoint: {platform.endpoint}\nraylambda {__version__}, requests: sigv4, store: sqlite, Ray: "
    )
    assert re.search(rf"^{name} +1 +0 +0 +1 +0 +1$", text, re.MULTILINE)
    for heading in ("FUNCTION ", "ENVIRONMENT ", "queue: no events", "NODE ", "HOST "):
        assert f"\n{heading}" in text
    assert re.search(rf"^\w+ +{name}:\$LATEST +idle", text, re.MULTILINE)
    assert re.search(r"^isolation of \w+: jail$", text, re.MULTILINE)
    assert re.search(r"^runtimes: .*python3", text, re.MULTILINE)
    assert document["hosts"][0]["isolation"][0] == "jail"
    assert name in {row["function"] for row in document["overview"]}


def test_status_says_why_a_function_has_what_it_has(raylambda: Command, deploy: Any) -> None:
    name = deploy(ECHO)
    raylambda.output("invoke", name)

    text = raylambda.output("status", "--why", name)
    document = json.loads(raylambda.output("status", "--why", name, "--json"))
    unknown = raylambda("status", "--why", "nobody")

    assert f":function:{name}\n" in text
    assert "a call was done" in text  # the fleet's side
    assert "RuntimeAnswered -> ResponseSent" in text  # its host's
    assert [function["function"] for function in document["functions"]] == [name]
    assert unknown.returncode == 1
    assert "Function not found" in unknown.stderr


def test_the_version_is_shown(raylambda: Command) -> None:
    assert raylambda.output("--version") == f"raylambda {__version__}\n"


WRONG = {
    "get": "error: ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody",
    "delete": "error: ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody",
    "invoke": "error: ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody:$LATEST",
    "logs": "error: ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody",
}


@pytest.mark.parametrize("command", WRONG)
def test_an_unknown_function_is_one_line(raylambda: Command, command: str) -> None:
    done = raylambda(command, "nobody")

    assert failure(done) == WRONG[command]
    assert done.returncode == 1


def test_refusals_keep_their_brackets(raylambda: Command, folder: Path) -> None:
    line = failure(raylambda("deploy", folder, "--env", "A=1"))

    assert "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]" in line


def test_files_that_cannot_be_read_are_one_line(raylambda: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / "app.py").write_text(ECHO)
    (tmp_path / "dangling" / "link").symlink_to("nowhere")

    assert "No such file" in failure(raylambda("invoke", "any", "--payload", f"@{tmp_path}/none"))
    assert failure(raylambda("deploy", tmp_path / "none")) == f"error: {tmp_path}/none is not a folder"
    assert "--runtime and --handler" in failure(raylambda("deploy", tmp_path / "empty"))
    assert f"{tmp_path}/dangling/link" in failure(raylambda("deploy", tmp_path / "dangling"))


def test_without_a_platform_the_way_out_is_said(tmp_path: Path) -> None:
    nobody = Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(tmp_path / "none")})

    assert failure(nobody("env")) == f"error: no platform runs in {tmp_path}/none; `raylambda up` starts one"
    for command in ("list", "status"):
        assert failure(nobody(command)) == (
            f"error: no endpoint is set and no platform runs in {tmp_path}/none: `raylambda up` starts one, "
            "and AWS_ENDPOINT_URL_LAMBDA names one elsewhere"
        )
    assert not (tmp_path / "none").exists()


def test_a_platform_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        away = Command(
            RAYLAMBDA,
            {"AWS_ENDPOINT_URL_LAMBDA": endpoint, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"},
        )

        line = failure(away("list"))

    assert line.startswith(f"error: no answer from {endpoint}: ")
    assert line.endswith("is a platform running? `raylambda up` starts one")


BAD_SETTINGS = {
    "RAYLAMBDA_PORT": "99999",
    "RAYLAMBDA_AUTH": "maybe",
    "RAYLAMBDA_ISOLATION": "strong",
    "RAYLAMBDA_FUNCTION_ENV": "[1]",
    "RAYLAMBDA_ACCESS_KEYS": "only-an-id",
    "RAYLAMBDA_EGRESS_ALLOW": "nohost",
    "RAYLAMBDA_ASYNC_RETRY_WAITS_S": "soon",
}


@pytest.mark.parametrize("variable", BAD_SETTINGS)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, variable: str) -> None:
    wrong = Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(tmp_path / "home"), variable: BAD_SETTINGS[variable]})

    line = failure(wrong("up"))

    assert line.startswith(f"error: {variable} ")
    assert "it takes" in line


def test_a_port_in_use_and_a_home_in_use_are_said_at_once(platform: Platform, tmp_path: Path) -> None:
    port = platform.endpoint.rpartition(":")[2]

    taken = Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(tmp_path / "home")})("up", "--port", port)
    second = Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(platform.home)})("up", "--port", "0")

    assert failure(taken).endswith(
        f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port"
    )
    assert failure(second).startswith(f"error: a platform runs in {platform.home} already")


UNREACHABLE = {
    "cluster": ("RAYLAMBDA_RAY_ADDRESS", "127.0.0.1:1", "error: no Ray cluster at 127.0.0.1:1: "),
    "Ray Client": (
        "RAYLAMBDA_RAY_ADDRESS",
        "ray://127.0.0.1:1",
        "error: the platform runs on a node of its Ray cluster",
    ),
    "database": (
        "RAYLAMBDA_DATABASE_URL",
        "postgresql://user:hidden@127.0.0.1:1/x",
        "error: the database cannot be used: connection failed",
    ),
    "kind of database": (
        "RAYLAMBDA_DATABASE_URL",
        "mysql://user:hidden@127.0.0.1/x",
        "error: the database cannot be used: the database URL is not understood",
    ),
}


@pytest.mark.parametrize("case", UNREACHABLE)
def test_what_cannot_be_reached_at_start_is_said(tmp_path: Path, case: str) -> None:
    variable, value, message = UNREACHABLE[case]
    command = Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(tmp_path / "home"), variable: value})

    done = command("up", "--port", "0")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    line = failure(Command(RAYLAMBDA, {"RAYLAMBDA_HOME": str(tmp_path / "file" / "home")})("up", "--port", "0"))

    assert line.startswith("error: RAYLAMBDA_HOME cannot be used: ")


def test_a_wrong_command_line_is_exit_status_2(raylambda: Command) -> None:
    done = raylambda("invoke")

    assert done.returncode == 2
    assert failure(done) == "error: the following arguments are required: FUNCTION; `raylambda invoke -h` tells more"

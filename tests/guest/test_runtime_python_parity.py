"""The shipped Python runtime against AWS's own client: same functions, same events, same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.guest.python_guest import FUNCTIONS, comparable_log, run_awslambdaric, run_shipped
from tests.guest.scripted_host import Answer, Event, Outcome

CLIENT_CONTEXT = json.dumps({"custom": {"k": "v"}, "client": {"app_title": "t"}, "w3c": {"traceparent": "00-1-2-01"}})
EVENTS = {
    "echo": [Event(b'{"a": [1, 2.5, "\\u00e9", null, true]}'), Event(b'"text"'), Event(b"[]"), Event(b"1e400")],
    "nothing": [Event()],
    "speak": [Event(), Event()],
    "values": [Event()],
    "binary": [Event()],
    "unserialisable": [Event()],
    "bad_key": [Event()],
    "circular": [Event()],
    "not_utf8": [Event()],
    "fail": [Event(), Event()],
    "fail_silently": [Event()],
    "fail_in_library": [Event()],
    "chain": [Event()],
    "fail_oddly": [Event()],
    "count": [Event(), Event(), Event()],
    "describe": [
        Event(),
        Event(headers={"Lambda-Runtime-Client-Context": CLIENT_CONTEXT}),
        Event(headers={"Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}'}),
        Event(headers={"Lambda-Runtime-Trace-Id": "Root=1-2-3", "Lambda-Runtime-Aws-Tenant-Id": "tenant"}),
        Event(headers={"Lambda-Runtime-Client-Context": "{"}),
        Event(),
    ],
    "leave": [Event(b"3"), Event()],
    "leave_at_once": [Event(), Event()],
    "log_everything": [Event()],
}


@pytest.fixture
def task_root(tmp_path: Path) -> Path:
    shutil.copy(FUNCTIONS, tmp_path / "app.py")
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    (tmp_path / "pkg" / "sub" / "mod.py").write_text("def handler(event, context):\n    return __name__\n")
    (tmp_path / "broken.py").write_text("x = 1\ndef handler(:\n")
    (tmp_path / "raises.py").write_text("def go():\n    raise OSError(2, 'no such thing')\ngo()\n")
    (tmp_path / "needs.py").write_text("import not_there\n")
    (tmp_path / "leaves.py").write_text("import sys\nprint('bye')\nsys.exit('reason')\n")
    return tmp_path


@pytest.mark.parametrize("name", EVENTS)
def test_a_handler_is_observed_alike(name: str, task_root: Path) -> None:
    ours = run_shipped(f"app.{name}", task_root, EVENTS[name])
    aws = run_awslambdaric(f"app.{name}", task_root, EVENTS[name])

    assert_alike(ours, aws)


@pytest.mark.parametrize("runtime", ["python3.9", "python3.13"])
def test_characters_are_escaped_up_to_python_3_11(runtime: str, task_root: Path) -> None:
    ours = run_shipped("app.values", task_root, [Event()], runtime=runtime)
    aws = run_awslambdaric("app.values", task_root, [Event()], runtime=runtime)

    assert_alike(ours, aws)


@pytest.mark.parametrize(
    "handler",
    [
        "missing.handler",
        "app.missing",
        "no_dot",
        "sys.exit",
        "broken.handler",
        "raises.handler",
        "needs.handler",
        "leaves.handler",
        "pkg.sub.nothing.handler",
    ],
)
def test_a_failed_init_is_observed_alike(handler: str, task_root: Path) -> None:
    ours = run_shipped(handler, task_root)
    aws = run_awslambdaric(handler, task_root)

    assert_alike(ours, aws)


@pytest.mark.parametrize("handler", ["pkg/sub/mod.handler", "pkg.sub.mod.handler", "pkg/sub.mod.handler"])
def test_handlers_in_packages_are_found_alike(handler: str, task_root: Path) -> None:
    ours = run_shipped(handler, task_root, [Event()])
    aws = run_awslambdaric(handler, task_root, [Event()])

    assert_alike(ours, aws)
    assert ours.answers[0].body == b'"pkg.sub.mod"'


@pytest.mark.parametrize("level", ["", "DEBUG", "TRACE", "WARNING", "ERROR"])
def test_json_logs_are_written_alike(level: str, task_root: Path) -> None:
    more = {"AWS_LAMBDA_LOG_FORMAT": "JSON", **({"AWS_LAMBDA_LOG_LEVEL": level} if level else {})}
    events = [Event(), Event(headers={"Lambda-Runtime-Aws-Tenant-Id": "tenant"})]

    ours = run_shipped("app.log_everything", task_root, events, **more)
    aws = run_awslambdaric("app.log_everything", task_root, events, **more)

    assert_alike(ours, aws)


def test_json_logs_of_errors_are_written_alike(task_root: Path) -> None:
    ours = run_shipped("app.fail", task_root, [Event()], AWS_LAMBDA_LOG_FORMAT="JSON")
    aws = run_awslambdaric("app.fail", task_root, [Event()], AWS_LAMBDA_LOG_FORMAT="JSON")

    assert_alike(ours, aws)


def assert_alike(ours: Outcome, aws: Outcome) -> None:
    assert [observable(answer) for answer in ours.answers] == [observable(answer) for answer in aws.answers]
    assert comparable_log(ours.stdout) == comparable_log(aws.stdout)
    assert comparable_log(ours.stderr) == comparable_log(aws.stderr)
    assert ours.exit_status == aws.exit_status


def observable(answer: Answer) -> tuple[str, str, object]:
    content_type = answer.headers.get("content-type", "application/json")
    return answer.kind, content_type, answer.body

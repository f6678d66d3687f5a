"""The shipped Python runtime on every Python that this machine has, against a scripted platform."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from raylambda.node.runtimes.interpreters import Interpreter
from raylambda.node.runtimes.python_packages import package_tree, prepare
from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE
from tests.guest.python_guest import FUNCTIONS, OWN, PYTHONS, name_of, run_shipped
from tests.guest.scripted_host import Event, lambda_env, run_runtime

every_python = pytest.mark.parametrize("python", PYTHONS, ids=name_of)


@pytest.fixture
def task_root(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    shutil.copy(FUNCTIONS, folder / "app.py")
    return folder


def write(task_root: Path, source: str) -> None:
    (task_root / "app.py").write_text(source)


@every_python
def test_events_become_results(python: Interpreter, task_root: Path) -> None:
    events = [Event(b'{"n": %d}' % number) for number in range(3)]

    outcome = run_shipped("app.echo", task_root, events, python)

    assert [answer.body for answer in outcome.answers] == [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}']
    assert outcome.answers[0].headers["content-type"] == "application/json"
    assert outcome.exit_status is None


@every_python
def test_unusual_values_become_json(python: Interpreter, task_root: Path) -> None:
    outcome = run_shipped("app.values", task_root, [Event()], python)

    value = json.loads(outcome.answers[0].body)
    assert value["decimal"][0] == 1.5
    assert value["point"] == {"x": 1, "y": [2, {"x": 3, "y": 4}]}
    assert value["bytes"] == "raw"
    assert value["enum"] == 1


@every_python
def test_an_exception_is_reported_with_its_frames(python: Interpreter, task_root: Path) -> None:
    outcome = run_shipped("app.fail", task_root, [Event(request_id="the-id")], python)

    answer = outcome.answers[0]
    failure = json.loads(answer.body)
    assert answer.kind == "error"
    assert list(failure) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert failure["errorType"] == "ValueError"
    assert failure["requestId"] == "the-id"
    assert [frame.splitlines()[0].split(", ")[2] for frame in failure["stackTrace"]] == ["in fail", "in deeper"]
    assert "[ERROR] ValueError: first line\nsecond line with é\nTraceback (most recent call last):\n" in outcome.stdout
    assert f'\n\u00a0\u00a0File "{task_root}/app.py", line ' in outcome.stdout


@every_python
def test_a_value_without_a_json_form_is_a_marshal_error(python: Interpreter, task_root: Path) -> None:
    outcome = run_shipped("app.unserialisable", task_root, [Event(), Event()], python)

    failures = [json.loads(answer.body) for answer in outcome.answers]
    assert [failure["errorType"] for failure in failures] == ["Runtime.MarshalError"] * 2
    assert failures[0]["errorMessage"] == (
        "Unable to marshal response: Object of type datetime is not JSON serializable"
    )


@every_python
@pytest.mark.parametrize(
    ("handler", "error_type"),
    [
        ("nope.handler", "Runtime.ImportModuleError"),
        ("app.nope", "Runtime.HandlerNotFound"),
        ("nope", "Runtime.MalformedHandlerName"),
        ("broken.handler", "Runtime.UserCodeSyntaxError"),
        ("raises.handler", "ZeroDivisionError"),
    ],
)
def test_a_failed_init_is_reported_and_ends_the_runtime(
    handler: str, error_type: str, python: Interpreter, task_root: Path
) -> None:
    (task_root / "broken.py").write_text("def handler(:\n")
    (task_root / "raises.py").write_text("1 / 0\n")

    outcome = run_shipped(handler, task_root, [], python)

    answer = outcome.answers[0]
    assert answer.kind == "init/error"
    assert answer.headers["lambda-runtime-function-error-type"] == error_type
    assert json.loads(answer.body)["errorType"] == error_type
    assert json.loads(answer.body)["requestId"] == ""
    assert outcome.exit_status == 1


@every_python
def test_output_and_logging_reach_the_streams(python: Interpreter, task_root: Path) -> None:
    outcome = run_shipped("app.speak", task_root, [Event(request_id="the-id")], python)

    assert outcome.stdout.startswith("printed and written\nbytes\n[WARNING]\t")
    assert outcome.stdout.endswith("Z\tthe-id\twarned once\nlogged\n")
    assert outcome.stderr == "bär\n"


@every_python
def test_exits_keep_their_status_and_their_output(python: Interpreter, task_root: Path) -> None:
    by_exception = run_shipped("app.leave", task_root, [Event(b"3"), Event()], python)
    at_once = run_shipped("app.leave_at_once", task_root, [Event(), Event()], python)

    assert (by_exception.exit_status, by_exception.stdout, by_exception.answers) == (3, "leaving", ())
    assert (at_once.exit_status, at_once.stdout, at_once.answers) == (7, "leaving", ())


@every_python
def test_the_search_path_is_that_of_aws(python: Interpreter, task_root: Path) -> None:
    write(task_root, "import sys\ndef handler(event, context):\n    return sys.path\n")

    outcome = run_shipped("app.handler", task_root, [Event()], python, PYTHONPATH="/one:/two", LAMBDA_RUNTIME_DIR="/rt")

    path = json.loads(outcome.answers[0].body)
    layer = f"/opt/python/lib/{name_of(python)}/site-packages"
    assert path[:6] == [str(task_root), layer, "/opt/python", "/one", "/two", "/rt"]
    assert all(entry.startswith(str(python.prefix)) for entry in path[6:])


@every_python
def test_a_handler_finds_what_a_started_interpreter_has(python: Interpreter, task_root: Path) -> None:
    source = (
        "import sys, time, builtins\n"
        "def handler(event, context):\n"
        "    main = sys.modules['__main__'].__name__\n"
        "    names = [name for name in ('exit', 'quit', 'help') if hasattr(builtins, name)]\n"
        "    return [time.tzname[0], names, sys.stdout.encoding, sys.argv[0].split('/')[-1], main]\n"
    )
    write(task_root, source)

    outcome = run_shipped("app.handler", task_root, [Event()], python, TZ=":America/New_York")

    expected = ["EST", ["exit", "quit", "help"], "utf-8", "python_runtime.py", "python_runtime"]
    assert json.loads(outcome.answers[0].body) == expected


@every_python
def test_the_module_can_be_imported_before_a_fork(python: Interpreter, task_root: Path) -> None:
    source = (
        "import os, sys\n"
        "before = set(sys.modules), list(sys.meta_path), sys.stdout, os.listdir('/proc/self/fd')\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import python_runtime\n"
        "sys.path.remove(sys.argv[1])\n"
        "assert before[1:] == (list(sys.meta_path), sys.stdout, os.listdir('/proc/self/fd'))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        python_runtime.main()\n"
        "    finally:\n"
        "        print('came back')\n"
        "sys.exit(os.waitpid(child, 0)[1] >> 8)\n"
    )
    argv = [str(python.executable), "-I", "-S", "-c", source, str(BOOTSTRAP_SOURCE)]

    outcome = run_runtime(argv, lambda_env("app.leave", task_root, "python3.11"), [Event(b"5")], cwd=task_root)

    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (5, "leaving", "")


@every_python
def test_it_runs_as_a_script_below_a_wrapper(python: Interpreter, task_root: Path) -> None:
    argv = [str(python.executable), "-S", str(BOOTSTRAP_SOURCE / "python_runtime.py")]

    outcome = run_runtime(argv, lambda_env("app.count", task_root, "python3.11"), [Event(), Event()], cwd=task_root)

    assert [answer.body for answer in outcome.answers] == [b"1", b"2"]


def test_a_minor_difference_of_modules_does_not_shadow_the_function(task_root: Path) -> None:
    (task_root / "init.py").write_text("def handler(event, context):\n    return 'mine'\n")

    outcome = run_shipped("init.handler", task_root, [Event()])

    assert outcome.answers[0].body == b'"mine"'


@pytest.mark.parametrize("hang_up", [False, True])
def test_chunked_and_large_events_arrive_whole(hang_up: bool, task_root: Path) -> None:
    bodies = [json.dumps("ü" * 3_000_000).encode(), b'"short"']
    events = [Event(body, chunked=chunked) for chunked in (False, True) for body in bodies]
    argv = [str(OWN.executable), "-S", str(BOOTSTRAP_SOURCE / "python_runtime.py")]

    outcome = run_runtime(argv, lambda_env("app.echo", task_root, "python3.11"), events, cwd=task_root, hang_up=hang_up)

    assert [json.loads(answer.body) for answer in outcome.answers] == [json.loads(event.body) for event in events]


def test_a_result_that_the_platform_refuses_is_logged_and_the_runtime_goes_on(task_root: Path) -> None:
    events = [Event(request_id="too-large", answer=413), Event(b'"next"')]

    outcome = run_shipped("app.echo", task_root, events)

    assert [answer.request_id for answer in outcome.answers] == ["too-large", events[1].request_id]
    assert "LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413.\n" in outcome.stderr
    assert outcome.exit_status is None


def test_a_platform_that_is_gone_ends_the_runtime(task_root: Path) -> None:
    argv = [str(OWN.executable), "-S", str(BOOTSTRAP_SOURCE / "python_runtime.py")]
    env = {**lambda_env("app.echo", task_root, "python3.11"), "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}

    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stderr


def test_exit_functions_and_threads_end_before_the_process(task_root: Path) -> None:
    source = (
        "import atexit, sys, threading\n"
        "go = threading.Event()\n"
        "def handler(event, context):\n"
        "    atexit.register(lambda: print('at exit'))\n"
        "    threading.Thread(target=lambda: (go.wait(), print('thread'))).start()\n"
        "    threading.Timer(0.05, go.set).start()\n"
        "    sys.exit('said why')\n"
    )
    write(task_root, source)

    outcome = run_shipped("app.handler", task_root, [Event(), Event()])

    assert outcome.stdout == "thread\nat exit\n"
    assert outcome.stderr == "said why\n"
    assert outcome.exit_status == 1


def test_logging_imported_in_the_handler_gets_the_handler_too(task_root: Path) -> None:
    source = "def handler(event, context):\n    import logging\n    logging.error('late')\n    return len(logging.root.handlers)\n"
    write(task_root, source)

    outcome = run_shipped("app.handler", task_root, [Event(), Event()])

    assert [answer.body for answer in outcome.answers] == [b"1", b"1"]
    assert outcome.stdout.count("\tlate\n") == 2


def test_what_costs_time_at_a_start_is_not_imported(task_root: Path) -> None:
    source = "import sys\ndef handler(event, context):\n    return sorted(sys.modules)\n"
    write(task_root, source)

    outcome = run_shipped("app.handler", task_root, [Event()])

    loaded = set(json.loads(outcome.answers[0].body))
    assert not loaded & {
        "logging",
        "traceback",
        "socket",
        "http",
        "http.client",
        "typing",
        "threading",
        "site",
        "email",
    }


@every_python
def test_boto3_comes_from_a_prepared_tree_and_nothing_else_does(
    python: Interpreter, task_root: Path, tmp_path: Path
) -> None:
    if python.version < (3, 10) and "CI" not in os.environ:
        pytest.skip("older Pythons get theirs from a package registry, which CI has")
    reports: list[str] = []
    prepare([python], tmp_path / "packages", reports.append)
    tree = package_tree(tmp_path / "packages", python)
    source = (
        "import importlib.util, boto3\n"
        "def handler(event, context):\n"
        "    client = boto3.client('s3', aws_access_key_id='a', aws_secret_access_key='b', region_name='eu-west-1')\n"
        "    others = [name for name in ('ray', 'fastapi', 'pydantic') if importlib.util.find_spec(name)]\n"
        "    return [client.meta.endpoint_url, others, boto3.__file__]\n"
    )
    write(task_root, source)

    outcome = run_shipped("app.handler", task_root, [Event()], python, PYTHONPATH=str(tree))

    endpoint, others, where = json.loads(outcome.answers[0].body)
    assert (endpoint, others) == ("https://s3.eu-west-1.amazonaws.com", [])
    assert where.startswith(str(tree))
    assert reports == [f"{name_of(python)}: boto3 prepared"]


def test_a_thousand_trace_ids_cost_no_memory(task_root: Path) -> None:
    """The C library keeps every value that ``setenv`` was ever given."""
    events = [Event(b"{}", {"Lambda-Runtime-Trace-Id": f"Root=1-{number:08x};" + "x" * 1000}) for number in range(1500)]

    outcome = run_shipped("app.own_memory_kb", task_root, events)

    used_kb = [int(answer.body) for answer in outcome.answers]
    assert used_kb[-1] - used_kb[300] < 500

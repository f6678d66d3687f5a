"""The shipped Node.js runtime on every Node.js that this machine has, against a scripted platform."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from raylambda.node.runtimes.interpreters import Interpreter, SearchPlaces, find_node
from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE
from tests.guest.scripted_host import Event, Outcome, lambda_env, run_runtime

PLACES = SearchPlaces.of_this_node(os.environ)
NODES = [found for major in (20, 22, 24) if (found := find_node(major, PLACES)) is not None]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

pytestmark = pytest.mark.skipif(not NODES and "CI" not in os.environ, reason="there is no Node.js on PATH")


@pytest.fixture(params=NODES, ids=lambda node: f"node{node.version[0]}")
def node(request: pytest.FixtureRequest) -> Interpreter:
    found = request.param
    assert isinstance(found, Interpreter)
    return found


@pytest.fixture
def task_root(tmp_path: Path) -> Path:
    shutil.copy(Path(__file__).parent / "functions_node.cjs", tmp_path / "app.cjs")
    return tmp_path


def run_node(
    node: Interpreter, handler: str, task_root: Path, events: Sequence[Event] = (), *, hang_up: bool = False, **env: str
) -> Outcome:
    argv = [str(node.executable), str(BOOTSTRAP_SOURCE / "nodejs" / "index.mjs")]
    variables = lambda_env(handler, task_root, f"nodejs{node.version[0]}.x", **env)
    return run_runtime(argv, variables, events, cwd=task_root, hang_up=hang_up)


@pytest.mark.parametrize(
    ("handler", "body"),
    [
        ("callback", b'{"n":1}'),
        ("impatientCallback", b"false"),
        ("twice", b"1"),
        ("promise", b'{"n":1}'),
        ("asynchronous", b'{"n":1}'),
        ("nothing", b"null"),
        ("asyncNothing", b"null"),
        ("succeed", b'"succeeded"'),
        ("done", b'"done"'),
        ("nested.deep.handler", b'"nested"'),
    ],
)
def test_every_kind_of_handler_answers(handler: str, body: bytes, node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, f"app.{handler}", task_root, [Event(b'{"n": 1}'), Event(b'{"n": 1}')])

    assert [(answer.kind, answer.body) for answer in outcome.answers] == [("response", body)] * 2
    assert outcome.answers[0].headers["content-type"] == "application/json"
    assert outcome.exit_status is None


def test_a_callback_waits_until_the_event_loop_is_empty(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.callback", task_root, [Event()])

    assert outcome.stdout.endswith("\tINFO\tthe loop is empty\n")
    assert outcome.answers[0].body == b"{}"


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("throws", "OwnError", "thrown"),
        ("throwsAtOnce", "OwnError", "thrown"),
        ("failedCallback", "RangeError", "from the callback"),
        ("textCallback", "string", "just text"),
        ("fail", "Error", "failed"),
        ("failWithoutReason", "string", "handled"),
        ("circular", "Error", "Unable to stringify response body"),
        ("throwsObject", "handled", "callback called with Error argument, but"),
        ("never", "Runtime.NodeJsExit", "The Lambda runtime client detected an unexpected Node.js exit code."),
    ],
)
def test_a_failure_is_reported_and_the_runtime_goes_on(
    handler: str, error_type: str, message: str, node: Interpreter, task_root: Path
) -> None:
    outcome = run_node(node, f"app.{handler}", task_root, [Event(request_id="the-id"), Event()])

    answer = outcome.answers[0]
    failure = json.loads(answer.body)
    assert (answer.kind, answer.headers["lambda-runtime-function-error-type"]) == ("error", error_type)
    assert list(failure) == ["errorType", "errorMessage", "trace"]
    assert failure["errorType"] == error_type
    assert failure["errorMessage"].startswith(message)
    assert len(outcome.answers) == 2
    assert re.match(rf'{TIME}\tthe-id\tERROR\tInvoke Error \t{{"errorType":', outcome.stdout)


def test_a_trace_names_the_function_and_the_log_its_own_members(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.throws", task_root, [Event()])

    trace = json.loads(outcome.answers[0].body)["trace"]
    logged = json.loads(outcome.stdout.split("\t")[-1])
    assert trace[0] == "OwnError: thrown" or trace[0] == "Error: thrown"
    assert f"({task_root}/app.cjs:" in trace[1]
    assert (logged["errorType"], logged["code"], logged["stack"]) == ("OwnError", "OWN", trace)


@pytest.mark.parametrize(
    ("handler", "error_type", "status", "title"),
    [
        ("throwsLater", "OwnError", 129, "Uncaught Exception"),
        ("rejectsUnseen", "Runtime.UnhandledPromiseRejection", 128, "Unhandled Promise Rejection"),
    ],
)
def test_a_failure_outside_of_the_handler_ends_the_runtime(
    handler: str, error_type: str, status: int, title: str, node: Interpreter, task_root: Path
) -> None:
    outcome = run_node(node, f"app.{handler}", task_root, [Event(), Event()])

    assert [answer.kind for answer in outcome.answers] == ["error"]
    assert json.loads(outcome.answers[0].body)["errorType"] == error_type
    assert f"\tERROR\t{title} \t" in outcome.stdout
    assert outcome.exit_status == status


def test_a_rejection_tells_its_reason(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.rejectsUnseen", task_root, [Event()])

    assert json.loads(outcome.answers[0].body)["errorMessage"] == "Error: unseen"
    assert '"reason":{"errorType":"Error","errorMessage":"unseen"' in outcome.stdout


def test_an_exit_keeps_its_status(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.exits", task_root, [Event(), Event()])

    assert (outcome.exit_status, outcome.answers) == (3, ())


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("app.absent", "Runtime.HandlerNotFound", "app.absent is undefined or not exported"),
        ("app.notAFunction", "Runtime.HandlerNotFound", "app.notAFunction is not a function"),
        ("absent.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'absent'\nRequire stack:\n"),
        ("needs.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'not-there'\nRequire stack:\n"),
        ("broken.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        ("nodot", "Runtime.MalformedHandlerName", "Bad handler"),
        ("../app.handler", "Runtime.MalformedHandlerName", "'../app.handler' is not a valid handler name."),
        ("raises.handler", "TypeError", "at load"),
    ],
)
def test_a_failed_init_is_reported_and_ends_the_runtime(
    handler: str, error_type: str, message: str, node: Interpreter, task_root: Path
) -> None:
    (task_root / "needs.js").write_text("require('not-there');\n")
    (task_root / "broken.js").write_text("exports.handler = {{;\n")
    (task_root / "raises.js").write_text("throw new TypeError('at load');\n")

    outcome = run_node(node, handler, task_root)

    answer = outcome.answers[0]
    failure = json.loads(answer.body)
    assert (answer.kind, answer.headers["lambda-runtime-function-error-type"]) == ("init/error", error_type)
    assert failure["errorType"] == error_type
    assert failure["errorMessage"].startswith(message)
    assert re.match(rf"{TIME}\tundefined\tERROR\tUncaught Exception \t", outcome.stdout)
    assert outcome.exit_status == 129


def test_ecmascript_modules_are_loaded_by_name_and_by_package(node: Interpreter, task_root: Path) -> None:
    module = "const where = await Promise.resolve('top level await');\nexport const handler = async () => where;\n"
    (task_root / "esm.mjs").write_text(module)
    (task_root / "typed" / "inner").mkdir(parents=True)
    (task_root / "typed" / "package.json").write_text('{"type": "module"}')
    (task_root / "typed" / "inner" / "mod.js").write_text(module)

    by_name = run_node(node, "esm.handler", task_root, [Event()])
    by_package = run_node(node, "typed/inner/mod.handler", task_root, [Event()])

    assert by_name.answers[0].body == by_package.answers[0].body == b'"top level await"'


def test_the_context_has_the_members_of_aws(node: Interpreter, task_root: Path) -> None:
    headers = {
        "Lambda-Runtime-Client-Context": '{"custom": {"k": "v"}}',
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i"}',
        "Lambda-Runtime-Trace-Id": "Root=1-2-3",
    }

    outcome = run_node(node, "app.describe", task_root, [Event(headers=headers, request_id="the-id"), Event()])

    first, second = (json.loads(answer.body) for answer in outcome.answers)
    assert first == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "f",
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "clientContext": {"custom": {"k": "v"}},
        "identity": {"cognitoIdentityId": "i"},
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "awsRequestId": "the-id",
        "left": True,
        "trace": "Root=1-2-3",
    }
    assert not {"trace", "clientContext", "identity"} & set(second)


def test_console_lines_carry_time_invocation_and_level(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.speak", task_root, [Event(request_id="the-id")])

    lines = re.sub(TIME, "TIME", outcome.stdout)
    assert lines.startswith(
        "TIME\tthe-id\tINFO\ttext formatted { a: 1 }\n"
        "TIME\tthe-id\tINFO\tinfo\n"
        "TIME\tthe-id\tWARN\twarn\n"
        "TIME\tthe-id\tERROR\ttwo\nlines\n"
        "TIME\tthe-id\tDEBUG\tdebug\n"
        "TIME\tthe-id\tTRACE\ttrace\n"
        "TIME\tthe-id\tINFO\t{ an: 'object' }\n"
        "TIME\tthe-id\tERROR\twith OwnError: inside\n"
    )


def test_json_lines_are_filtered_by_level_and_describe_errors(node: Interpreter, task_root: Path) -> None:
    more = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN"}

    outcome = run_node(node, "app.speak", task_root, [Event(request_id="the-id")], **more)

    lines = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [(line["level"], line["requestId"]) for line in lines] == [
        ("WARN", "the-id"),
        ("ERROR", "the-id"),
        ("ERROR", "the-id"),
        ("ERROR", "the-id"),
    ]
    assert (lines[2]["errorType"], lines[2]["errorMessage"]) == ("OwnError", "inside")
    assert lines[3]["message"]["errorMessage"] == "alone"


def test_a_streamed_response_is_sent_as_it_is_written(node: Interpreter, task_root: Path) -> None:
    events = [Event(b'["one ", "two ", "three"]'), Event(b"[]")]

    outcome = run_node(node, "app.streamed", task_root, events)

    assert [answer.body for answer in outcome.answers] == [b"one two three", b""]
    headers = outcome.answers[0].headers
    assert headers["lambda-runtime-function-response-mode"] == "streaming"
    assert headers["transfer-encoding"] == "chunked"
    assert headers["content-type"] == "text/plain"


def test_a_prelude_goes_ahead_of_the_streamed_body(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.streamedWithPrelude", task_root, [Event()])

    answer = outcome.answers[0]
    assert answer.body == b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8) + b"body"
    assert answer.headers["content-type"] == "application/vnd.awslambda.http-integration-response"


def test_a_failure_in_the_middle_of_a_stream_travels_in_its_trailers(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.streamFailsInside", task_root, [Event(), Event()])

    answer = outcome.answers[0]
    failure = json.loads(base64.b64decode(answer.trailers["lambda-runtime-function-error-body"]))
    assert (answer.kind, answer.body) == ("response", b"begun")
    assert answer.trailers["lambda-runtime-function-error-type"] == failure["errorType"] == "OwnError"
    assert len(outcome.answers) == 2


def test_a_stream_that_fails_before_its_first_byte_is_an_error(node: Interpreter, task_root: Path) -> None:
    outcome = run_node(node, "app.streamFailsBefore", task_root, [Event(), Event()])

    assert [answer.kind for answer in outcome.answers] == ["error", "error"]
    assert json.loads(outcome.answers[0].body)["errorMessage"] == "before the first byte"


@pytest.mark.parametrize("hang_up", [False, True])
def test_chunked_and_large_events_arrive_whole(hang_up: bool, node: Interpreter, task_root: Path) -> None:
    bodies = [json.dumps("ü" * 1_000_000).encode(), b'"short"']
    events = [Event(body, chunked=chunked) for chunked in (False, True) for body in bodies]

    outcome = run_node(node, "app.promise", task_root, events, hang_up=hang_up)

    assert [json.loads(answer.body) for answer in outcome.answers] == [json.loads(event.body) for event in events]


def test_a_result_that_the_platform_refuses_is_logged_and_the_runtime_goes_on(
    node: Interpreter, task_root: Path
) -> None:
    events = [Event(request_id="too-large", answer=413), Event(b'"next"')]

    outcome = run_node(node, "app.promise", task_root, events)

    assert [answer.request_id for answer in outcome.answers] == ["too-large", events[1].request_id]
    assert "LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413.\n" in outcome.stderr
    assert outcome.exit_status is None


def test_text_outside_ascii_in_headers_is_read(node: Interpreter, task_root: Path) -> None:
    latin1_of_utf8 = '{"custom": {"k": "ü"}}'.encode().decode("latin-1")

    outcome = run_node(
        node, "app.describe", task_root, [Event(headers={"Lambda-Runtime-Client-Context": latin1_of_utf8})]
    )

    assert json.loads(outcome.answers[0].body)["clientContext"] == {"custom": {"k": "ü"}}

"""Invocations through boto3: results, function errors, limits and logs, as on AWS (lambda-reference.md 7 and 11)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError


def _invoke(client: Any, name: str, payload: Any = None, **more: Any) -> tuple[dict[str, Any], Any]:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    body = answer["Payload"].read()
    return answer, json.loads(body) if body else None


def _log(answer: dict[str, Any]) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


def test_an_event_goes_in_and_a_result_comes_out(client: Any, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    return {'got': event, 'id': context.aws_request_id}\n")

    answer, body = _invoke(client, name, {"a": [1, "ü"]})

    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert "LogResult" not in answer
    assert body == {"got": {"a": [1, "ü"]}, "id": answer["ResponseMetadata"]["RequestId"]}


def test_a_handler_that_returns_nothing_gives_null(client: Any, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    pass\n")

    answer = client.invoke(FunctionName=name)

    assert answer["Payload"].read() == b"null"


def test_the_log_tail_has_start_output_end_and_report(client: Any, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    print('said')\n    return 1\n")

    cold = _log(_invoke(client, name, LogType="Tail")[0])
    answer, _ = _invoke(client, name, LogType="Tail")
    warm, request_id = _log(answer), answer["ResponseMetadata"]["RequestId"]

    assert re.search(r"\tInit Duration: \d+\.\d\d ms\t\n$", cold)
    assert "Init Duration" not in warm
    lines = warm.splitlines()
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1:3] == ["said", f"END RequestId: {request_id}"]
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\t",
        lines[3],
    )
    assert 1 <= int(re.search(r"Max Memory Used: (\d+)", warm)[1]) <= 128  # type: ignore[index]


FUNCTION_ERRORS = {
    "raises": (
        "def handler(event, context):\n    raise ValueError('no')\n",
        {"errorMessage": "no", "errorType": "ValueError"},
    ),
    "exits with a status": (
        "import os\ndef handler(event, context):\n    os._exit(3)\n",
        {
            "errorType": "Runtime.ExitError",
            "errorMessage": r"RequestId: ID Error: Runtime exited with error: exit status 3",
        },
    ),
    "exits without one": (
        "import os\ndef handler(event, context):\n    os._exit(0)\n",
        {
            "errorType": "Runtime.ExitError",
            "errorMessage": r"RequestId: ID Error: Runtime exited without providing a reason",
        },
    ),
    "dies of a signal": (
        "import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        {
            "errorType": "Runtime.ExitError",
            "errorMessage": r"RequestId: ID Error: Runtime exited with error: signal: killed",
        },
    ),
    "uses too much memory": (
        "def handler(event, context):\n    return len(bytearray(600_000_000))\n",
        {
            "errorType": r"Runtime\.(ExitError|OutOfMemory)",
            "errorMessage": r"RequestId: ID Error: Runtime exited with error: signal: killed",
        },
    ),
    "does not come back in time": (
        "import time\ndef handler(event, context):\n    time.sleep(60)\n",
        {"errorType": "Sandbox.Timedout", "errorMessage": r"RequestId: ID Error: Task timed out after 1.00 seconds"},
    ),
    "returns too much": (
        "def handler(event, context):\n    return 'x' * 7_000_000\n",
        {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": r"Response payload size exceeded maximum allowed payload size \(6291556 bytes\).",
        },
    ),
    "cannot be imported": (
        "import nothing_of_the_kind\n",
        {
            "errorType": "Runtime.ImportModuleError",
            "errorMessage": "Unable to import module 'app': No module named 'nothing_of_the_kind'",
        },
    ),
}


@pytest.mark.parametrize("case", FUNCTION_ERRORS)
def test_a_function_that(client: Any, deploy: Any, case: str) -> None:
    source, expected = FUNCTION_ERRORS[case]
    name = deploy(source, Timeout=1 if "time" in case else 10)

    answer, body = _invoke(client, name, {})
    again, _ = _invoke(client, name, {})

    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    request_id = answer["ResponseMetadata"]["RequestId"]
    for member, pattern in expected.items():
        assert re.fullmatch(pattern.replace("ID", request_id), body[member]), body
    assert again["FunctionError"] == "Unhandled"


def test_after_a_crash_the_next_call_works_and_tmp_is_kept(client: Any, deploy: Any) -> None:
    name = deploy(
        "import os, pathlib\n"
        "def handler(event, context):\n"
        "    if event == 'crash':\n"
        "        pathlib.Path('/tmp/kept').write_text('kept')\n"
        "        os._exit(1)\n"
        "    return pathlib.Path('/tmp/kept').exists()\n"
    )

    crashed, _ = _invoke(client, name, "crash")
    answer, kept = _invoke(client, name, "look")

    assert crashed["FunctionError"] == "Unhandled"
    assert "FunctionError" not in answer
    assert kept is True


def test_init_that_hangs_is_repeated_in_the_invoke_and_times_out(client: Any, deploy: Any) -> None:
    name = deploy("import time\ntime.sleep(60)\ndef handler(event, context):\n    return 1\n", Timeout=1)

    answer, body = _invoke(client, name, {})

    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"] == "Sandbox.Timedout"


def test_environment_variables_are_those_of_the_reference(client: Any, deploy: Any) -> None:
    name = deploy(
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
        Environment={"Variables": {"MINE": "1"}},
        MemorySize=256,
    )

    _, variables = _invoke(client, name, {})

    assert variables["MINE"] == "1"
    assert variables["OPERATOR_SAYS"] == "hello"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["LAMBDA_TASK_ROOT"] == "/var/task"
    assert variables["_HANDLER"] == "app.handler"
    assert not [name for name in variables if name.startswith(("RAY_", "RAYLAMBDA"))]


def test_boto3_is_importable(client: Any, deploy: Any) -> None:
    name = deploy(
        "import boto3\ndef handler(event, context):\n    return boto3.__version__\n", Timeout=30, MemorySize=512
    )

    answer, version = _invoke(client, name, {})

    assert "FunctionError" not in answer, version


def test_client_context_and_arns_reach_the_function(client: Any, deploy: Any) -> None:
    name = deploy(
        "def handler(event, context):\n    return [context.invoked_function_arn, context.client_context.custom]\n"
    )
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()

    _, unqualified = _invoke(client, name, {}, ClientContext=context)
    _, qualified = _invoke(client, f"{name}:$LATEST", {}, ClientContext=context)
    _, by_arn = _invoke(client, f"arn:aws:lambda:us-east-1:123456789012:function:{name}", {}, ClientContext=context)

    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert unqualified == [arn, {"k": "v"}]
    assert qualified == [f"{arn}:$LATEST", {"k": "v"}]
    assert by_arn == [arn, {"k": "v"}]


def test_dry_run_answers_204_and_runs_nothing(client: Any, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    return 1\n")

    answer = client.invoke(FunctionName=name, InvocationType="DryRun")

    assert answer["StatusCode"] == 204


def test_payloads_over_the_limit_or_not_json_are_refused(client: Any, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    return 1\n")

    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName=name, Payload=b'"' + b"x" * 6_291_456 + b'"')
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName=name, InvocationType="Event", Payload=b'"' + b"x" * 1_048_576 + b'"')
    with pytest.raises(client.exceptions.InvalidRequestContentException) as refused:
        client.invoke(FunctionName=name, Payload=b"{not json")
    assert str(refused.value).endswith(
        "Could not parse payload into json"
    ) or "Could not parse request body into json" in str(refused.value)


def test_an_unknown_function_is_not_found(client: Any) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException) as missing:
        client.invoke(FunctionName="nobody")

    assert missing.value.response["Error"]["Message"].endswith(
        "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody:$LATEST"
    )


def test_reserved_concurrency_zero_throttles(client: Any, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    return 1\n")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    with pytest.raises(client.exceptions.TooManyRequestsException) as throttled:
        client.invoke(FunctionName=name)

    assert throttled.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName=name)
    assert _invoke(client, name, {})[1] == 1


def test_a_runtime_that_no_node_has_is_accepted_and_says_so_at_invoke(client: Any, deploy: Any) -> None:
    name = deploy("", Runtime="ruby3.4", Files={"app.rb": ""})

    answer, body = _invoke(client, name, {})

    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"].startswith("Runtime.")
    assert "ruby3.4" in body["errorMessage"]


NODE = """
exports.handler = async (event, context) => {
  if (event.fail) throw new Error("no");
  console.log("said");
  return { got: event, id: context.awsRequestId };
};
"""


def test_node_functions_run(client: Any, deploy: Any) -> None:
    name = deploy("", Runtime="nodejs20.x", Handler="index.handler", Files={"index.js": NODE})

    answer, body = _invoke(client, name, {"a": 1}, LogType="Tail")
    failed, error = _invoke(client, name, {"fail": True})

    assert body == {"got": {"a": 1}, "id": answer["ResponseMetadata"]["RequestId"]}
    assert "\tINFO\tsaid" in _log(answer)
    assert failed["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("Error", "no")
    assert error["trace"][0] == "Error: no"


BOOTSTRAP = """#!/bin/bash
set -eu
api="http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation"
while true; do
  headers=$(mktemp)
  event=$(curl -sS -D "$headers" "$api/next")
  id=$(grep -i lambda-runtime-aws-request-id "$headers" | tr -d '\\r' | cut -d' ' -f2)
  curl -sS -o /dev/null "$api/$id/response" -d "{\\"echo\\": $event, \\"handler\\": \\"$_HANDLER\\"}"
done
"""


def test_custom_runtimes_run_their_bootstrap(client: Any, deploy: Any) -> None:
    name = deploy("", Runtime="provided.al2023", Handler="any", Files={"bootstrap": BOOTSTRAP})

    _, first = _invoke(client, name, {"a": 1})
    _, second = _invoke(client, name, [2])

    assert first == {"echo": {"a": 1}, "handler": "any"}
    assert second == {"echo": [2], "handler": "any"}


def test_a_custom_runtime_without_bootstrap_says_so(client: Any, deploy: Any) -> None:
    name = deploy("", Runtime="provided.al2", Handler="any", Files={"other": "x"})

    answer, body = _invoke(client, name, {})

    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]" in body["errorMessage"]


def test_a_missing_function_is_no_client_error_of_another_kind(client: Any) -> None:
    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName="not a name!")

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400

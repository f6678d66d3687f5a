"""Real functions in real jails: every way in which an invocation ends, end to end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import awslambdaric
import pytest

from raylambda.model.environment import EnvironmentExited, EnvironmentStopped, NoSuchEnvironment
from raylambda.model.limits import RESPONSE_PAYLOAD_BYTES
from raylambda.node.host import Host
from raylambda.node.host_parts import HostParts, HostSettings, gather_parts
from raylambda.node.runtimes.interpreters import base_interpreter
from tests.guest.real_host import a_function, settings_in

pytestmark = [pytest.mark.anyio, pytest.mark.jail]

MANY_WAYS = """
import ctypes, os, signal, sys, time

def handler(event, context):
    match event["do"]:
        case "echo":
            print("said", event["text"])
            return {"text": event["text"], "id": context.aws_request_id}
        case "raise":
            raise ValueError("no")
        case "exit":
            sys.exit(event["status"])
        case "_exit":
            os._exit(event["status"])
        case "signal":
            os.kill(os.getpid(), event["number"])
            time.sleep(60)
        case "segfault":
            ctypes.string_at(0)
        case "hoard":
            hoard = []
            while True:
                hoard.append(bytearray(os.urandom(1 << 20)))
        case "sleep":
            print("sleeping")
            time.sleep(60)
        case "large":
            return "x" * event["size"]
        case "object":
            return object()
        case "keep":
            open("/tmp/kept", "w").write("here")
            os._exit(1)
        case "kept":
            return open("/tmp/kept").read()
        case "fork":
            if os.fork() == 0:
                time.sleep(600)
            os._exit(3)
        case "env":
            return dict(os.environ)
"""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(settings_in(tmp_path, function_env={"OPERATOR": "yes"}, init_timeout_s=2.0))
    await host.open()
    yield host
    await host.close()


@pytest.fixture(params=["jail", "process"])
async def any_host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Host]:
    """With each isolation, for what does not depend on it."""
    host = Host(settings_in(tmp_path, isolation=request.param))
    await host.open()
    yield host
    await host.close()


def doing(what: str, **more: object) -> bytes:
    return json.dumps({"do": what, **more}).encode()


def failure(payload: bytes) -> tuple[str, str]:
    """Error type and message, without the request id."""
    body = json.loads(payload)
    return body["errorType"], re.sub(r"RequestId: [0-9a-f-]{36} ", "", body["errorMessage"])


async def test_success(any_host: Host) -> None:
    function = await a_function(any_host, MANY_WAYS)

    cold = await function.invoke(doing("echo", text="one"))
    warm = await function.invoke(doing("echo", text="two"))

    assert function.started.init_ok
    assert json.loads(cold.payload)["text"] == "one"
    assert (cold.function_error, cold.reusable) == (None, True)
    assert cold.init_ms == pytest.approx(function.started.init_ms)
    assert warm.init_ms is None
    assert 1 <= warm.max_memory_mb <= 256
    tail = warm.log_tail.decode().split("\n")
    assert [line.split(" ")[0] for line in tail] == ["START", "said", "END", "REPORT", ""]
    assert json.loads(warm.payload)["id"] in tail[0]


async def test_an_exception(any_host: Host) -> None:
    function = await a_function(any_host, MANY_WAYS)

    result = await function.invoke(doing("raise"))
    after = await function.invoke(doing("echo", text="still here"))

    body = json.loads(result.payload)
    assert (body["errorType"], body["errorMessage"], len(body["stackTrace"])) == ("ValueError", "no", 1)
    assert result.function_error == "Unhandled"
    assert b"[ERROR] ValueError: no" in result.log_tail
    assert after.function_error is None
    assert after.init_ms is None


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (doing("exit", status=0), "Runtime exited without providing a reason"),
        (doing("exit", status=3), "Runtime exited with error: exit status 3"),
        (doing("_exit", status=7), "Runtime exited with error: exit status 7"),
        (doing("signal", number=9), "Runtime exited with error: signal: killed"),
        (doing("signal", number=15), "Runtime exited with error: signal: terminated"),
        (doing("segfault"), "Runtime exited with error: signal: segmentation fault"),
        (doing("fork"), "Runtime exited with error: exit status 3"),
    ],
)
async def test_the_process_ends(host: Host, event: bytes, text: str) -> None:
    function = await a_function(host, MANY_WAYS)

    result = await function.invoke(event)
    after = await function.invoke(doing("echo", text="again"))

    assert failure(result.payload) == ("Runtime.ExitError", f"Error: {text}")
    assert (result.function_error, result.reusable) == ("Unhandled", True)
    assert b"\tStatus: error\tError Type: Runtime.ExitError\n" in result.log_tail
    assert json.loads(after.payload)["text"] == "again"


async def test_out_of_memory(any_host: Host) -> None:
    function = await a_function(any_host, MANY_WAYS, memory_mb=128)

    result = await function.invoke(doing("hoard"))
    after = await function.invoke(doing("echo", text="again"))

    assert failure(result.payload) == ("Runtime.ExitError", "Error: Runtime exited with error: signal: killed")
    assert b"Error Type: Runtime.OutOfMemory" in result.log_tail
    assert result.max_memory_mb >= 100
    assert json.loads(after.payload)["text"] == "again"
    assert after.max_memory_mb < 100


async def test_a_time_out_resets_the_runtime_and_keeps_tmp(any_host: Host) -> None:
    function = await a_function(any_host, MANY_WAYS, timeout_s=1)
    await function.invoke(doing("keep"))

    result = await function.invoke(doing("sleep"))
    after = await function.invoke(doing("kept"))

    assert failure(result.payload) == ("Sandbox.Timedout", "Error: Task timed out after 1.00 seconds")
    assert b"sleeping\n" in result.log_tail
    assert result.duration_ms == 1000.0
    assert json.loads(after.payload) == "here"


async def test_a_response_that_is_too_large(host: Host) -> None:
    function = await a_function(host, MANY_WAYS)

    result = await function.invoke(doing("large", size=RESPONSE_PAYLOAD_BYTES))
    largest = await function.invoke(doing("large", size=RESPONSE_PAYLOAD_BYTES - 2))

    assert failure(result.payload)[0] == "Function.ResponseSizeTooLarge"
    assert (len(largest.payload), largest.init_ms) == (RESPONSE_PAYLOAD_BYTES, None)


async def test_a_response_that_is_no_json(host: Host) -> None:
    function = await a_function(host, MANY_WAYS)

    result = await function.invoke(doing("object"))

    assert failure(result.payload)[0] == "Runtime.MarshalError"


async def test_an_error_at_import(host: Host) -> None:
    function = await a_function(host, "import absent")

    result = await function.invoke()

    assert not function.started.init_ok
    body = json.loads(result.payload)
    assert (body["errorType"], body["requestId"]) == ("Runtime.ImportModuleError", "")
    assert body["errorMessage"] == "Unable to import module 'app': No module named 'absent'"
    assert b"\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n" in result.log_tail


async def test_an_init_that_takes_too_long_gets_the_functions_time(host: Host) -> None:
    slow_once = """
import os, time
if not os.path.exists("/tmp/tried"):
    open("/tmp/tried", "w").close()
    time.sleep(60)
def handler(event, context):
    return "in the end"
"""
    function = await a_function(host, slow_once)

    result = await function.invoke()

    assert not function.started.init_ok
    assert json.loads(result.payload) == "in the end"
    function.hear(await host.events())
    assert any(line.endswith("\tPhase: init\tStatus: timeout") for line in function.lines)


async def test_a_handler_that_does_not_exist(host: Host) -> None:
    function = await a_function(host, MANY_WAYS, handler="app.nothing")

    result = await function.invoke()

    assert failure(result.payload) == ("Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'")


async def test_a_missing_bootstrap(host: Host) -> None:
    function = await a_function(host, MANY_WAYS, runtime="provided.al2023")

    result = await function.invoke()

    text = "Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    assert failure(result.payload) == ("Runtime.InvalidEntrypoint", text)


async def test_a_bootstrap_that_cannot_be_executed(host: Host) -> None:
    function = await a_function(host, {"bootstrap": "#!/nothing/here\n"}, runtime="provided.al2023")

    result = await function.invoke()

    assert not function.started.init_ok
    assert failure(result.payload)[0] == "Runtime.InvalidEntrypoint"


async def test_a_runtime_that_the_node_lacks(host: Host) -> None:
    function = await a_function(host, MANY_WAYS, runtime="ruby3.4")

    result = await function.invoke()

    assert failure(result.payload)[0] == "Runtime.Unavailable"
    assert "RAYLAMBDA_RUNTIMES" in json.loads(result.payload)["errorMessage"]


async def test_variables(host: Host) -> None:
    function = await a_function(host, MANY_WAYS, environment={"OWN": "1", "AWS_REGION": "moon"})

    result = await function.invoke(doing("env"), trace_id="Root=1-2-3")

    env = json.loads(result.payload)
    assert (env["OWN"], env["OPERATOR"], env["AWS_REGION"]) == ("1", "yes", "us-east-1")
    assert env["_X_AMZN_TRACE_ID"] == "Root=1-2-3"
    assert not [name for name in env if name.startswith("RAY")]


async def test_a_child_that_outlives_its_runtime_cannot_answer_for_the_next(any_host: Host) -> None:
    leaves_a_child = """
import os, time, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
def handler(event, context):
    if event:
        return "mine"
    if os.fork() == 0:
        while True:
            urllib.request.urlopen(API + "next").read()
    os._exit(1)
"""
    function = await a_function(any_host, leaves_a_child, timeout_s=5)
    await function.invoke()

    results = [await function.invoke(b"1") for _ in range(3)]

    assert [result.payload for result in results] == [b'"mine"'] * 3


async def test_many_environments_at_once_do_not_disturb_each_other(host: Host) -> None:
    functions = await asyncio.gather(*(a_function(host, MANY_WAYS, timeout_s=3) for _ in range(4)))
    events = [doing("sleep"), doing("_exit", status=1), doing("raise"), doing("echo", text="fine")]

    results = await asyncio.gather(*(function.invoke(event) for function, event in zip(functions, events, strict=True)))

    assert [failure(result.payload)[0] for result in results[:3]] == [
        "Sandbox.Timedout",
        "Runtime.ExitError",
        "ValueError",
    ]
    assert json.loads(results[3].payload)["text"] == "fine"


async def test_a_killed_jail_ends_only_its_own_invocation(host: Host) -> None:
    doomed, other = await a_function(host, MANY_WAYS), await a_function(host, MANY_WAYS)
    call = asyncio.create_task(doomed.invoke(doing("sleep")))
    await asyncio.wait([call], timeout=0.3)

    os.kill(process_1(host, doomed.environment_id), signal.SIGKILL)
    with pytest.raises(EnvironmentStopped):
        await call
    after = await other.invoke(doing("echo", text="fine"))

    assert after.function_error is None
    with pytest.raises(NoSuchEnvironment):
        await doomed.invoke()


async def test_an_idle_environment_whose_jail_is_killed_is_told(host: Host) -> None:
    doomed = await a_function(host, MANY_WAYS)
    await host.events()

    os.kill(process_1(host, doomed.environment_id), signal.SIGKILL)
    events = await host.events()

    assert [event.environment_id for event in events if isinstance(event, EnvironmentExited)] == [doomed.environment_id]


async def test_what_people_read_of_a_guest_has_no_number_or_path_of_the_node(host: Host, tmp_path: Path) -> None:
    await a_function(host, MANY_WAYS)

    described: Any = await host.describe()

    assert set(described[0]["guest"]) == {"memory_mb", "memory_peak_mb", "memory_limit_mb", "ended"}
    assert str(tmp_path) not in json.dumps(described)


def process_1(host: Host, environment_id: str) -> int:
    environment: Any = host._environments[environment_id]
    return int(environment._guest.init_pid)


@pytest.fixture
async def host_with_ric(tmp_path: Path) -> AsyncIterator[Host]:
    """Its jails have the packages of this test's environment, as those of a runtime_env would be."""
    packages = Path(next(iter(awslambdaric.__path__))).parent

    async def gather(settings: HostSettings) -> HostParts:
        parts = await gather_parts(settings)
        return replace(parts, launching=replace(parts.launching, packages=(packages,)))

    host = Host(settings_in(tmp_path), gather)
    await host.open()
    yield host
    await host.close()


async def test_a_segmentation_fault_at_import_is_tried_until_the_timeout(host: Host) -> None:
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    function = await a_function(host, source, timeout_s=1)

    result = await function.invoke(doing("echo"))

    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
    assert result.reusable


async def test_awslambdaric_works_unchanged(host_with_ric: Host) -> None:
    """AWS's own runtime client as a provided runtime."""
    bootstrap = f"""#!/bin/sh
export PYTHONPATH=/var/task:/run/raylambda/packages/0
exec {base_interpreter().executable} -m awslambdaric app.handler
"""
    files = {"bootstrap": bootstrap, "app.py": MANY_WAYS}
    function = await a_function(host_with_ric, files, runtime="provided.al2023")

    echoed = await function.invoke(doing("echo", text="ric"))
    raised = await function.invoke(doing("raise"))
    large = await function.invoke(doing("large", size=RESPONSE_PAYLOAD_BYTES))
    again = await function.invoke(doing("echo", text="again"))

    assert json.loads(echoed.payload)["text"] == "ric"
    assert failure(raised.payload) == ("ValueError", "no")
    assert failure(large.payload)[0] == "Function.ResponseSizeTooLarge"
    assert (json.loads(again.payload)["text"], again.init_ms) == ("again", None)


async def test_packages_of_a_runtime_env_can_be_imported(host_with_ric: Host) -> None:
    source = "import awslambdaric\ndef handler(event, context): return awslambdaric.__file__"
    function = await a_function(host_with_ric, source)

    result = await function.invoke()

    assert json.loads(result.payload) == "/run/raylambda/packages/0/awslambdaric/__init__.py"

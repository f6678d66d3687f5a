"""Which lines an environment writes in which order."""

from __future__ import annotations

import pytest

from raylambda.testing.sandbox import ECHO, exits, hangs, next_event, report_init_error, writes
from tests.builders import REQUEST_ID, an_invocation
from tests.unit.node.environment.stage import Stage

pytestmark = pytest.mark.anyio


def first_words(lines: list[str]) -> list[str]:
    return [line.split(":")[0].split("\t")[0].removesuffix(" RequestId") for line in lines]


async def test_a_cold_and_a_warm_invocation(stage: Stage) -> None:
    environment = await stage.started([writes("loading\n"), *ECHO])

    first = await environment.invoke(an_invocation())
    second = await environment.invoke(an_invocation())

    assert first_words(stage.log_lines()) == [
        "INIT_START Runtime Version",
        "loading",
        *("START", "END", "REPORT"),
        *("START", "END", "REPORT"),
    ]
    assert b"Init Duration" in first.log_tail
    assert b"Init Duration" not in second.log_tail
    assert first.log_tail.startswith(b"START RequestId: ")
    assert first.log_tail.endswith(b"ms\t\n")


async def test_a_time_out_says_so_before_end(stage: Stage) -> None:
    await stage.started([next_event, writes("working\n"), hangs], timeout_s=3)
    stage.log_lines()

    call = stage.invoking()
    await stage.timer_runs_out(3)
    result = await call

    lines = result.log_tail.decode().split("\n")
    assert lines[0] == f"START RequestId: {REQUEST_ID} Version: $LATEST"
    assert lines[1] == "working"
    assert lines[2].endswith(f"Z {REQUEST_ID} Task timed out after 3.00 seconds")
    assert lines[3] == ""
    assert lines[4] == f"END RequestId: {REQUEST_ID}"
    assert lines[5].endswith("\tStatus: timeout")
    assert "Duration: 3000.00 ms\tBilled Duration: 3000 ms" in lines[5].removeprefix("REPORT RequestId: ")


async def test_a_crash_says_so_before_end(stage: Stage) -> None:
    environment = await stage.started([next_event, exits(1)])
    stage.log_lines()

    await environment.invoke(an_invocation())

    assert stage.log_lines()[1:3] == [
        f"RequestId: {REQUEST_ID} Error: Runtime exited with error: exit status 1\nRuntime.ExitError",
        f"END RequestId: {REQUEST_ID}",
    ]


async def test_an_init_that_fails_twice(stage: Stage) -> None:
    failing = [writes("traceback\n"), report_init_error(b"{}", "Runtime.ImportModuleError"), hangs]
    environment = await stage.started(failing)

    result = await environment.invoke(an_invocation())

    lines = stage.log_lines()
    assert first_words(lines) == [
        "INIT_START Runtime Version",
        "traceback",
        "INIT_REPORT Init Duration",
        "START",
        "traceback",
        "INIT_REPORT Init Duration",
        "END",
        "REPORT",
    ]
    assert lines[2].endswith("\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError")
    assert lines[5].endswith("\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError")
    assert b"traceback" in result.log_tail


async def test_a_process_that_cannot_live_during_init_says_why(stage: Stage) -> None:
    await stage.started([exits(127)])

    assert "Error: Runtime exited with error: exit status 127\nRuntime.ExitError" in stage.log_lines()


async def test_json(stage: Stage) -> None:
    environment = await stage.started([*ECHO], log_format="JSON", system_log_level="DEBUG")

    result = await environment.invoke(an_invocation())

    assert all(line.startswith(b'{"time":"') for line in result.log_tail.splitlines())
    assert len(result.log_tail.splitlines()) == 3

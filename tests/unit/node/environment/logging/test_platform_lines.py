"""The platform's log lines, to the character (lambda-reference.md 11)."""

from __future__ import annotations

import json

import pytest

from raylambda.node.environment.events import Phase
from raylambda.node.environment.failures import Failed, Responded, exited, reported, response_too_large, timed_out
from raylambda.node.environment.logging.platform_lines import Measures, PlatformLines, runtime_version
from raylambda.node.sandbox.contract import RuntimeExit
from tests.builders import REQUEST_ID, a_version

NOW = 1_700_000_000.1234
OK = Responded(b"1234")
CRASHED = exited(REQUEST_ID, RuntimeExit(exit_status=1))
LATE = timed_out(REQUEST_ID, 3)


def text_lines(**version: object) -> PlatformLines:
    return PlatformLines(a_version(**version), "env-1")


def json_lines(level: str = "INFO", **version: object) -> PlatformLines:
    return PlatformLines(a_version(log_format="JSON", system_log_level=level, **version), "env-1")


def types(entries: list[str]) -> list[str]:
    return [json.loads(entry)["type"] for entry in entries]


def test_start_and_end() -> None:
    lines = text_lines()

    assert lines.start(NOW, REQUEST_ID) == [f"START RequestId: {REQUEST_ID} Version: $LATEST"]
    assert lines.end(NOW, REQUEST_ID, OK, Measures(1.234, 36)) == [
        f"END RequestId: {REQUEST_ID}",
        f"REPORT RequestId: {REQUEST_ID}\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB"
        "\tMax Memory Used: 36 MB\t",
    ]


def test_init_duration_comes_last_and_is_billed() -> None:
    report = text_lines().end(NOW, REQUEST_ID, OK, Measures(1.23, 36, init_ms=120.45))[1]

    assert report.endswith(
        "\tBilled Duration: 122 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 120.45 ms\t"
    )


@pytest.mark.parametrize(
    ("result", "ending"),
    [
        (LATE, "\tMax Memory Used: 36 MB\tStatus: timeout"),
        (CRASHED, "\tMax Memory Used: 36 MB\tStatus: error\tError Type: Runtime.ExitError"),
        (
            exited(REQUEST_ID, RuntimeExit(signal=9, out_of_memory=True)),
            "\tStatus: error\tError Type: Runtime.OutOfMemory",
        ),
        (response_too_large(), "\tStatus: error\tError Type: Function.ResponseSizeTooLarge"),
        (reported("Runtime.Unknown", b"{}"), "\tMax Memory Used: 36 MB\t"),
    ],
)
def test_how_report_ends_after_a_failure(result: Failed, ending: str) -> None:
    assert text_lines().end(NOW, REQUEST_ID, result, Measures(3000, 36))[1].endswith(ending)


def test_why_a_runtime_is_gone() -> None:
    lines = text_lines()

    assert lines.crash(NOW, LATE) == [f"2023-11-14T22:13:20.123Z {REQUEST_ID} Task timed out after 3.00 seconds\n"]
    assert lines.crash(NOW, CRASHED) == [
        f"RequestId: {REQUEST_ID} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"
    ]
    assert lines.crash(NOW, reported("Runtime.Unknown", b"{}")) == []


def test_init() -> None:
    lines = text_lines(runtime="python3.12")

    assert lines.init_start(NOW, Phase.INIT)[0].startswith(
        "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:"
    )
    assert lines.init_start(NOW, Phase.INVOKE) == []
    assert lines.init_done(NOW, Phase.INIT, 100) == []
    assert lines.init_failed(NOW, Phase.INIT, 9999.9, LATE) == [
        "INIT_REPORT Init Duration: 9999.90 ms\tPhase: init\tStatus: timeout"
    ]
    assert lines.init_failed(NOW, Phase.INVOKE, 12.3, CRASHED) == [
        "INIT_REPORT Init Duration: 12.30 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError"
    ]


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        ("python3.12", "python:3.12.v1"),
        ("nodejs22.x", "nodejs:22.x.v1"),
        ("provided.al2023", "provided:al2023.v1"),
        ("provided", "provided.v1"),
        ("java21", "java:21.v1"),
    ],
)
def test_the_name_of_a_runtimes_version(runtime: str, name: str) -> None:
    assert runtime_version(a_version(runtime=runtime))[0] == name


def test_billed_time_is_whole_milliseconds_and_at_least_one() -> None:
    assert [Measures(ms, 1).billed_ms for ms in (0.0, 0.2, 1.0, 1.0000001, 1.2, 3000.0)] == [1, 1, 1, 1, 2, 3000]


def test_json_records_of_an_invocation() -> None:
    lines = json_lines("DEBUG")

    start = json.loads(lines.start(NOW, REQUEST_ID)[0])
    done, report = map(json.loads, lines.end(NOW, REQUEST_ID, OK, Measures(1.23456, 36, init_ms=100.0)))

    assert start == {
        "time": "2023-11-14T22:13:20.123Z",
        "type": "platform.start",
        "record": {"requestId": REQUEST_ID, "version": "$LATEST"},
    }
    assert done["record"] == {
        "requestId": REQUEST_ID,
        "status": "success",
        "metrics": {"durationMs": 1.235, "producedBytes": 4},
    }
    assert report["record"] == {
        "requestId": REQUEST_ID,
        "status": "success",
        "metrics": {
            "durationMs": 1.235,
            "billedDurationMs": 102,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 36,
            "initDurationMs": 100.0,
        },
    }


def test_json_records_of_failures() -> None:
    lines = json_lines()

    late = json.loads(lines.end(NOW, REQUEST_ID, LATE, Measures(3000, 36))[1])["record"]
    crashed = json.loads(lines.end(NOW, REQUEST_ID, CRASHED, Measures(3, 36))[1])["record"]

    assert (late["status"], late.get("errorType")) == ("timeout", None)
    assert (crashed["status"], crashed["errorType"]) == ("error", "Runtime.ExitError")
    assert lines.crash(NOW, CRASHED) == []


def test_json_records_of_init() -> None:
    lines = json_lines("DEBUG", runtime="python3.12")

    start = json.loads(lines.init_start(NOW, Phase.INVOKE)[0])
    failed = [json.loads(entry) for entry in lines.init_failed(NOW, Phase.INIT, 5.5, CRASHED)]

    assert start["record"] == {
        "initializationType": "on-demand",
        "phase": "invoke",
        "runtimeVersion": "python:3.12.v1",
        "runtimeVersionArn": start["record"]["runtimeVersionArn"],
        "functionName": "hello",
        "functionVersion": "$LATEST",
        "instanceId": "env-1",
        "instanceMaxMemory": 134217728,
    }
    assert [entry["type"] for entry in failed] == ["platform.initRuntimeDone", "platform.initReport"]
    assert failed[1]["record"] == {
        "initializationType": "on-demand",
        "phase": "init",
        "status": "error",
        "errorType": "Runtime.ExitError",
        "metrics": {"durationMs": 5.5},
    }


@pytest.mark.parametrize(
    ("level", "good", "bad"),
    [
        ("DEBUG", ["start", "runtimeDone", "report"], ["start", "runtimeDone", "report"]),
        ("INFO", ["start", "report"], ["start", "runtimeDone", "report"]),
        ("WARN", [], ["runtimeDone", "report"]),
    ],
)
def test_the_system_log_level_filters_records(level: str, good: list[str], bad: list[str]) -> None:
    lines = json_lines(level)
    measures = Measures(1, 36)

    well = types([*lines.start(NOW, REQUEST_ID), *lines.end(NOW, REQUEST_ID, OK, measures)])
    badly = types([*lines.start(NOW, REQUEST_ID), *lines.end(NOW, REQUEST_ID, CRASHED, measures)])

    assert well == [f"platform.{name}" for name in good]
    assert badly == [f"platform.{name}" for name in bad]


def test_a_successful_init_is_a_matter_of_debugging() -> None:
    assert types(json_lines("DEBUG").init_done(NOW, Phase.INIT, 1)) == [
        "platform.initRuntimeDone",
        "platform.initReport",
    ]
    assert json_lines("INFO").init_done(NOW, Phase.INIT, 1) == []


def test_dropped_lines_are_told() -> None:
    record = json.loads(json_lines("WARN").dropped(NOW, 3, 400)[0])

    assert record["type"] == "platform.logsDropped"
    assert (record["record"]["droppedRecords"], record["record"]["droppedBytes"]) == (3, 400)
    assert "3 lines, 400 bytes" in text_lines().dropped(NOW, 3, 400)[0]

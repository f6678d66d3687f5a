"""What the caller gets in every case of lambda-reference.md 7, and what the environment does next."""

from __future__ import annotations

import json

import pytest

from raylambda.model.environment import EnvironmentStopped
from raylambda.model.limits import RESPONSE_PAYLOAD_BYTES
from raylambda.testing.sandbox import (
    ECHO,
    exits,
    hangs,
    loses_jail,
    next_event,
    report_error,
    report_init_error,
    respond,
    writes,
)
from tests.builders import REQUEST_ID, an_invocation
from tests.unit.node.environment.stage import Stage
from tests.waiting import reached

pytestmark = pytest.mark.anyio


async def test_a_response_is_passed_on_byte_for_byte(stage: Stage) -> None:
    environment = await stage.started([next_event, respond(b'{"ok": true} '), hangs])

    result = await environment.invoke(an_invocation())

    assert result.payload == b'{"ok": true} '
    assert result.function_error is None
    assert result.reusable
    assert stage.runtime.event is not None
    assert stage.runtime.event.body == b'{"a":1}'
    await reached(lambda: stage.runtime.replies)
    assert stage.runtime.replies[0].status == 202


async def test_an_error_is_passed_on_byte_for_byte(stage: Stage) -> None:
    environment = await stage.started([next_event, report_error(b'{"errorMessage":"no"}', "Function.Broken"), hangs])

    result = await environment.invoke(an_invocation())

    assert (result.payload, result.function_error, result.reusable) == (b'{"errorMessage":"no"}', "Unhandled", True)


async def test_events_are_served_one_after_the_other_by_one_process(stage: Stage) -> None:
    environment = await stage.started(ECHO)

    results = [await environment.invoke(an_invocation(b"%d" % number)) for number in range(20)]

    assert [result.payload for result in results] == [b"%d" % number for number in range(20)]
    assert stage.guest is not None
    assert len(stage.guest.runtimes) == 1


async def test_an_empty_payload_becomes_an_empty_object(stage: Stage) -> None:
    environment = await stage.started(ECHO)

    result = await environment.invoke(an_invocation(b""))

    assert result.payload == b"{}"


async def test_time_out(stage: Stage) -> None:
    await stage.started([next_event, hangs], ECHO, timeout_s=3)

    call = stage.invoking()
    await stage.timer_runs_out(3)
    result = await call

    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {REQUEST_ID} Error: Task timed out after 3.00 seconds",
    }
    assert (result.function_error, result.reusable) == ("Unhandled", True)
    assert (result.duration_ms, stage.state) == (3000.0, "Cold")
    assert stage.guest is not None
    assert stage.guest.kills == 1


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (exits(0), "Runtime exited without providing a reason"),
        (exits(127), "Runtime exited with error: exit status 127"),
        (exits(killed_by=9), "Runtime exited with error: signal: killed"),
        (exits(killed_by=11), "Runtime exited with error: signal: segmentation fault"),
        (exits(killed_by=9, out_of_memory=True), "Runtime exited with error: signal: killed"),
    ],
)
async def test_the_process_ends_while_it_has_the_event(stage: Stage, end: object, text: str) -> None:
    environment = await stage.started([next_event, end], ECHO)  # type: ignore[list-item]

    result = await environment.invoke(an_invocation())

    expected = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {REQUEST_ID} Error: {text}"}
    assert json.loads(result.payload) == expected
    assert (result.function_error, result.reusable, stage.state) == ("Unhandled", True, "Cold")


async def test_the_next_invocation_after_a_crash_inits_again_and_works(stage: Stage) -> None:
    environment = await stage.started([next_event, exits(1)], ECHO)
    await environment.invoke(an_invocation())

    result = await environment.invoke(an_invocation(b'"again"'))

    assert (result.payload, result.init_ms) == (b'"again"', None)


async def test_a_response_that_is_too_large_fails_the_invocation_and_not_the_runtime(stage: Stage) -> None:
    large = b"x" * (RESPONSE_PAYLOAD_BYTES + 1)
    environment = await stage.started([next_event, respond(large), *ECHO])

    result = await environment.invoke(an_invocation())
    after = await environment.invoke(an_invocation(b'"next"'))

    assert json.loads(result.payload) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert stage.runtime.replies[0].status == 413
    assert json.loads(stage.runtime.replies[0].body) == {
        "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "RequestEntityTooLarge",
    }
    assert after.payload == b'"next"'
    assert stage.guest is not None
    assert len(stage.guest.runtimes) == 1


async def test_the_largest_response_is_allowed(stage: Stage) -> None:
    environment = await stage.started([next_event, respond(b"x" * RESPONSE_PAYLOAD_BYTES), hangs])

    result = await environment.invoke(an_invocation())

    assert len(result.payload) == RESPONSE_PAYLOAD_BYTES


async def test_an_error_of_init_is_repeated_in_the_invocation_and_is_its_result(stage: Stage) -> None:
    error = (
        b'{"errorMessage":"Unable to import","errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}'
    )
    environment = await stage.play([report_init_error(error, "Runtime.ImportModuleError"), exits(1)])

    started = await environment.start()
    result = await environment.invoke(an_invocation())

    assert not started.init_ok
    assert (result.payload, result.function_error, result.init_ms) == (error, "Unhandled", None)
    assert stage.guest is not None
    assert len(stage.guest.runtimes) == 2


async def test_an_init_that_fails_once_is_forgiven(stage: Stage) -> None:
    environment = await stage.play([exits(1)], ECHO)

    started = await environment.start()
    result = await environment.invoke(an_invocation(b"1"))

    assert not started.init_ok
    assert (result.payload, result.function_error) == (b"1", None)


async def test_init_is_over_after_ten_seconds(stage: Stage) -> None:
    await stage.play([hangs], ECHO)

    start = stage.starting()
    await stage.timer_runs_out(10)
    started = await start
    assert stage.environment is not None
    result = await stage.environment.invoke(an_invocation(b"1"))

    assert (started.init_ok, started.init_ms) == (False, 10_000.0)
    assert result.payload == b"1"


async def test_init_inside_an_invocation_is_bounded_by_the_functions_timeout(stage: Stage) -> None:
    await stage.started([exits(1)], [hangs], timeout_s=15)

    call = stage.invoking()
    await stage.timer_runs_out(15)
    result = await call

    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
    assert "after 15.00 seconds" in json.loads(result.payload)["errorMessage"]


async def test_a_process_that_ends_while_idle_is_no_callers_problem(stage: Stage) -> None:
    environment = await stage.started([next_event, respond(b"1"), exits(1)], ECHO)
    await environment.invoke(an_invocation())
    await reached(lambda: stage.state == "Cold")

    result = await environment.invoke(an_invocation(b"2"))

    assert (result.payload, result.function_error) == (b"2", None)


async def test_a_runtime_that_dawdles_after_its_answer_is_reset_at_the_deadline(stage: Stage) -> None:
    environment = await stage.started([next_event, respond(b"1"), hangs], ECHO, timeout_s=3)
    await environment.invoke(an_invocation())

    second = stage.invoking(payload=b"2")
    await reached(lambda: stage.state == "Queued")
    stage.timers.advance(3)
    result = await second

    assert (result.payload, result.function_error) == (b"2", None)


async def test_the_duration_is_the_time_until_the_answer(stage: Stage) -> None:
    environment = await stage.started([next_event, takes(stage, 1.5), respond(b"1"), hangs], timeout_s=3)

    result = await environment.invoke(an_invocation())

    assert (result.duration_ms, result.billed_ms, result.max_memory_mb) == (1500.0, 1500, 36)


async def test_init_time_is_reported_and_billed_once(stage: Stage) -> None:
    environment = await stage.started([takes(stage, 0.2504), *ECHO])

    first = await environment.invoke(an_invocation())
    second = await environment.invoke(an_invocation())

    assert (round(first.init_ms or 0, 1), first.billed_ms) == (250.4, 251)
    assert (second.init_ms, second.billed_ms) == (None, 1)


async def test_a_lost_jail_ends_the_environment(stage: Stage) -> None:
    environment = await stage.started([next_event, loses_jail])

    with pytest.raises(EnvironmentStopped):
        await environment.invoke(an_invocation())

    assert stage.state == "Closed"
    assert not stage.gone


async def test_a_jail_lost_while_idle_is_reported(stage: Stage) -> None:
    environment = await stage.started([next_event, respond(b"1"), loses_jail])

    await environment.invoke(an_invocation())
    await reached(lambda: stage.gone)

    assert stage.gone == ["Runtime exited with error: signal: killed"]


async def test_a_guest_that_cannot_be_killed_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails() -> None:
        raise OSError("process 1 does not answer")

    environment = await stage.started([next_event, exits(1)])
    assert stage.guest is not None
    monkeypatch.setattr(stage.guest, "kill", fails)

    result = await environment.invoke(an_invocation())

    assert (result.function_error, result.reusable, stage.state) == ("Unhandled", False, "Closed")


async def test_the_tail_holds_what_was_written_before_the_answer(stage: Stage) -> None:
    environment = await stage.started([writes("init\n"), next_event, writes("one\ntwo"), respond(b"1"), hangs])

    result = await environment.invoke(an_invocation())

    assert result.log_tail.decode().splitlines()[:4] == [
        f"START RequestId: {REQUEST_ID} Version: $LATEST",
        "one",
        "two",
        f"END RequestId: {REQUEST_ID}",
    ]


async def test_no_tail_unless_asked_for(stage: Stage) -> None:
    environment = await stage.started(ECHO)

    result = await environment.invoke(an_invocation(tail=False))

    assert result.log_tail == b""


def takes(stage: Stage, seconds: float) -> object:
    """A step that lets time pass."""

    async def step(_: object) -> None:
        stage.timers.advance(seconds)

    return step

"""The Runtime API on the wire: every reply of lambda-reference.md 8, from raw sockets."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from raylambda.model.limits import RESPONSE_PAYLOAD_BYTES
from raylambda.node.environment.environment import Environment
from raylambda.testing.sandbox import hangs
from tests.builders import REQUEST_ID, an_invocation
from tests.unit.node.environment.guest_api.raw_client import RawClient
from tests.unit.node.environment.stage import Stage
from tests.waiting import reached

pytestmark = pytest.mark.anyio

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = f"/2018-06-01/runtime/invocation/{REQUEST_ID}/response"
ERROR = f"/2018-06-01/runtime/invocation/{REQUEST_ID}/error"


async def a_client(stage: Stage, *, ready: bool = True) -> RawClient:
    """A guest that does nothing by itself, and a raw connection to its Runtime API; ``ready`` makes INIT succeed."""
    await stage.play([hangs])
    start = stage.starting()
    await reached(lambda: stage.state == "Initializing")
    assert stage.guest is not None
    client = await RawClient.connect(stage.guest.api_socket.getsockname())
    if ready:
        await client.send(NEXT)
        await start
    return client


async def a_running_client(stage: Stage, **invocation: object) -> tuple[RawClient, asyncio.Task[object]]:
    """The same with an event that has been delivered."""
    client = await a_client(stage)
    call = stage.invoking(**invocation)
    await client.read()
    return client, call


def environment_of(stage: Stage) -> Environment:
    assert stage.environment is not None
    return stage.environment


async def test_ping(stage: Stage) -> None:
    client = await a_client(stage)
    assert stage.guest is not None
    other = await RawClient.connect(stage.guest.api_socket.getsockname())

    reply = await other.request("GET", "/2018-06-01/ping")

    assert (reply.status, reply.body) == (200, b"pong")
    client.close()


async def test_next_carries_the_event_and_all_that_is_known_of_it(stage: Stage) -> None:
    client = await a_client(stage)
    stage.invoking(trace_id="Root=1-2", client_context='{"a":\n1}')

    reply = await client.read()

    assert (reply.status, reply.body) == (200, b'{"a":1}')
    assert reply.headers == {
        "content-type": "application/json",
        "content-length": "7",
        "lambda-runtime-aws-request-id": REQUEST_ID,
        "lambda-runtime-deadline-ms": str(int((stage.clock.now() + 3) * 1000)),
        "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:123456789012:function:hello",
        "lambda-runtime-trace-id": "Root=1-2",
        "lambda-runtime-client-context": '{"a": 1}',
    }


async def test_next_leaves_out_what_is_empty(stage: Stage) -> None:
    client = await a_client(stage)
    stage.invoking()

    reply = await client.read()

    assert not {"lambda-runtime-trace-id", "lambda-runtime-client-context"} & set(reply.headers)


async def test_a_response_is_accepted(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    reply = await client.request("POST", ANSWER, b"1")

    assert (reply.status, json.loads(reply.body)) == (202, {"status": "OK"})
    assert (await call).payload == b"1"  # type: ignore[attr-defined]


async def test_a_chunked_response_with_a_streaming_mode_is_put_together(stage: Stage) -> None:
    client, call = await a_running_client(stage)
    head = f"POST {ANSWER} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\r\n"

    await client.send(head.encode() + b"3\r\nabc\r\n")
    await client.send(b"2\r\nde\r\n0\r\n\r\n")
    reply = await client.read()

    assert reply.status == 202
    assert (await call).payload == b"abcde"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (base64.b64encode(b'{"errorMessage":"late"}'), b'{"errorMessage":"late"}'),
        (b"%%%", b'{"errorType": "Function.Late"}'),
    ],
)
async def test_an_error_in_the_trailers_of_a_stream_fails_the_invocation(
    stage: Stage, body: bytes, payload: bytes
) -> None:
    client, call = await a_running_client(stage)
    head = f"POST {ANSWER} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\r\n"
    trailers = b"Lambda-Runtime-Function-Error-Type: Function.Late\r\nLambda-Runtime-Function-Error-Body: " + body

    await client.send(head.encode() + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n\r\n")
    reply = await client.read()
    result = await call

    assert reply.status == 202
    assert (result.payload, result.function_error) == (payload, "Unhandled")  # type: ignore[attr-defined]


async def test_an_unknown_response_mode_fails_the_invocation(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    reply = await client.request("POST", ANSWER, b"1", {"Lambda-Runtime-Function-Response-Mode": "fast"})
    result = await call

    assert reply.status == 400
    assert json.loads(reply.body)["errorType"] == "InvalidFunctionResponseMode"
    assert json.loads(result.payload)["errorType"] == "Runtime.InvalidResponseModeHeader"  # type: ignore[attr-defined]


async def test_an_error_with_an_x_ray_cause_is_unwrapped(stage: Stage) -> None:
    client, call = await a_running_client(stage)
    wrapped = {"errorMessage": "m", "errorType": "T", "stackTrace": [], "errorCause": {"paths": []}}

    reply = await client.request(
        "POST", ERROR, json.dumps(wrapped).encode(), {"Content-Type": "application/vnd.aws.lambda.error.cause+json"}
    )
    result = await call

    assert reply.status == 202
    assert json.loads(result.payload) == {"errorMessage": "m", "errorType": "T", "stackTrace": []}  # type: ignore[attr-defined]


async def test_an_unreadable_x_ray_cause_is_an_invalid_body(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    await client.request("POST", ERROR, b"{", {"Content-Type": "application/vnd.aws.lambda.error.cause+json"})

    assert (await call).payload == b'"Invalid error body"'  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Function.Broken", "Function.Broken"),
        ("Runtime.Broken", "Runtime.Broken"),
        ("ValueError", "Runtime.Unknown"),
        ("Function.broken", "Function.Unknown"),
        ("", "Runtime.Unknown"),
    ],
)
async def test_error_types_are_kept_when_they_look_like_aws_s(stage: Stage, sent: str, kept: str) -> None:
    client = await a_client(stage, ready=False)

    reply = await client.request(
        "POST", "/2018-06-01/runtime/init/error", b"{}", {"Lambda-Runtime-Function-Error-Type": sent}
    )
    await reached(lambda: stage.state == "Cold")

    assert reply.status == 202
    assert any(line.endswith(f"Error Type: {kept}") for line in stage.log_lines())


@pytest.mark.parametrize("verb", ["response", "error"])
@pytest.mark.parametrize("request_id", ["", "another", REQUEST_ID.upper(), f"{REQUEST_ID}%20"])
async def test_an_answer_to_another_event_is_refused(stage: Stage, verb: str, request_id: str) -> None:
    client, _ = await a_running_client(stage)

    reply = await client.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/{verb}", b"1")

    expected = {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
    assert (reply.status, json.loads(reply.body), stage.state) == (400, expected, "Running")


async def test_a_second_answer_is_refused(stage: Stage) -> None:
    client, call = await a_running_client(stage)
    await client.request("POST", ANSWER, b"1")
    await call

    reply = await client.request("POST", ERROR, b"2")

    assert (reply.status, json.loads(reply.body)["errorType"]) == (400, "InvalidRequestID")


async def test_next_before_the_answer_is_refused(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    await client.send(NEXT)
    reply = await client.read()

    assert reply.status == 403
    assert json.loads(reply.body) == {
        "errorMessage": (
            "State transition from Running to Ready failed for runtime. Error: State transition is not allowed"
        ),
        "errorType": "InvalidStateTransition",
    }
    assert not call.done()


async def test_an_init_error_after_next_is_refused(stage: Stage) -> None:
    client, _ = await a_running_client(stage)

    reply = await client.request("POST", "/2018-06-01/runtime/init/error", b"{}")

    assert (reply.status, json.loads(reply.body)["errorType"]) == (403, "InvalidStateTransition")


async def test_a_second_next_blocks_and_gets_the_event(stage: Stage) -> None:
    first = await a_client(stage)
    assert stage.guest is not None
    second = await RawClient.connect(stage.guest.api_socket.getsockname())
    await second.send(NEXT)
    await everything_before_is_heard(stage)

    stage.invoking()
    reply = await second.read()

    assert reply.status == 200
    first.close()


async def everything_before_is_heard(stage: Stage) -> None:
    """What arrived first is taken first, so a newer connection's ping proves that the rest was taken."""
    assert stage.guest is not None
    witness = await RawClient.connect(stage.guest.api_socket.getsockname())
    await witness.request("GET", "/2018-06-01/ping")
    witness.close()


async def test_an_event_outlives_the_connection_that_waited_for_it(stage: Stage) -> None:
    client = await a_client(stage)
    client.close()
    await everything_before_is_heard(stage)
    assert stage.guest is not None
    call = stage.invoking()

    again = await RawClient.connect(stage.guest.api_socket.getsockname())
    await again.send(NEXT)
    reply = await again.read()
    await again.request("POST", ANSWER, b"1")

    assert reply.body == b'{"a":1}'
    assert (await call).payload == b"1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/2018-06-01/runtime/restore/next", 404),
        ("POST", "/2018-06-01/runtime/restore/error", 404),
        ("GET", "/2021-04-23/credentials", 404),
        ("POST", f"/2018-06-01/runtime/invocation/{REQUEST_ID}/other", 404),
        ("POST", "/2018-06-01/runtime/invocation/next", 405),
        ("POST", "/2018-06-01/ping", 405),
        ("GET", "/2018-06-01/runtime/init/error", 405),
        ("GET", ANSWER, 405),
        ("PUT", ERROR, 405),
    ],
)
async def test_unknown_paths_and_methods(stage: Stage, method: str, path: str, status: int) -> None:
    client, _ = await a_running_client(stage)

    reply = await client.request(method, path)

    assert (reply.status, stage.state) == (status, "Running")


async def test_a_query_is_no_part_of_the_path(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    reply = await client.request("POST", f"{ANSWER}?x=/y", b"1")

    assert (reply.status, (await call).payload) == (202, b"1")  # type: ignore[attr-defined]


async def test_a_client_that_asks_to_go_on_is_told_to(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    await client.send(f"POST {ANSWER} HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n".encode())
    interim = await client.read_head()
    await client.send(b"1")
    reply = await client.read()

    assert interim.status == 100
    assert (reply.status, (await call).payload) == (202, b"1")  # type: ignore[attr-defined]


async def test_a_truncated_response_is_told_so_and_may_be_sent_again(stage: Stage) -> None:
    client, call = await a_running_client(stage)
    await client.send(f"POST {ANSWER} HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc".encode())
    client.end_writing()
    assert stage.guest is not None
    again = await RawClient.connect(stage.guest.api_socket.getsockname())

    truncated = await client.read()
    reply = await again.request("POST", ANSWER, b"1")

    assert (truncated.status, json.loads(truncated.body)["errorType"]) == (400, "TruncatedHTTPRequest")
    assert (reply.status, (await call).payload) == (202, b"1")  # type: ignore[attr-defined]


async def test_an_error_that_is_too_large_is_refused_like_a_response(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    reply = await client.request("POST", ERROR, b"x" * (RESPONSE_PAYLOAD_BYTES + 1))

    assert reply.status == 413
    assert json.loads((await call).payload)["errorType"] == "Function.ResponseSizeTooLarge"  # type: ignore[attr-defined]


async def test_a_connection_is_closed_when_the_client_says_so(stage: Stage) -> None:
    client, call = await a_running_client(stage)

    reply = await client.request("POST", ANSWER, b"1", {"Connection": "close"})

    assert reply.status == 202
    assert await client.at_end()
    assert (await call).payload == b"1"  # type: ignore[attr-defined]


async def test_http_1_0_gets_one_reply(stage: Stage) -> None:
    client = await a_client(stage)
    assert stage.guest is not None
    old = await RawClient.connect(stage.guest.api_socket.getsockname())

    await old.send(b"GET /2018-06-01/ping HTTP/1.0\r\n\r\n")
    reply = await old.read()

    assert (reply.body, await old.at_end()) == (b"pong", True)
    client.close()


async def test_a_large_event_arrives_whole(stage: Stage) -> None:
    client = await a_client(stage)
    stage.invoking(payload=b"x" * 6_000_000)

    reply = await client.read()

    assert reply.body == b"x" * 6_000_000


async def test_the_environment_is_free_for_the_next_event_once_the_runtime_asks(stage: Stage) -> None:
    client, call = await a_running_client(stage)
    await client.request("POST", ANSWER, b"1")
    await call
    following = asyncio.create_task(environment_of(stage).invoke(an_invocation(b"2", request_id="r2")))
    await client.send(NEXT)

    reply = await client.read()
    await client.request("POST", "/2018-06-01/runtime/invocation/r2/response", b"3")

    assert (reply.body, (await following).payload) == (b"2", b"3")

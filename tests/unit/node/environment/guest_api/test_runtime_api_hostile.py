"""Guests that misbehave on the wire: they lose their connection, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import resource

import pytest

from raylambda.model.invocation import InvocationResult
from raylambda.model.limits import RESPONSE_PAYLOAD_BYTES
from raylambda.node.environment.guest_api.http_request import HEAD_BYTES
from raylambda.node.environment.guest_api.server import CONNECTIONS, CREDIT
from raylambda.testing.sandbox import ECHO, hangs
from tests.builders import REQUEST_ID, an_invocation
from tests.unit.node.environment.guest_api.raw_client import RawClient
from tests.unit.node.environment.stage import Stage
from tests.waiting import reached

pytestmark = pytest.mark.anyio

PING = b"GET /2018-06-01/ping HTTP/1.1\r\n\r\n"
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n"
ANSWER = f"POST /2018-06-01/runtime/invocation/{REQUEST_ID}/response HTTP/1.1\r\n".encode()


async def connect(stage: Stage) -> RawClient:
    assert stage.guest is not None
    return await RawClient.connect(stage.guest.api_socket.getsockname())


async def still_serves(stage: Stage) -> None:
    """The scripted runtime of the same environment is not disturbed."""
    assert stage.environment is not None
    result = await stage.environment.invoke(an_invocation(b"42"))
    assert result.payload == b"42"


async def a_running_client(stage: Stage) -> tuple[RawClient, asyncio.Task[InvocationResult]]:
    """The test is the runtime, and has an event."""
    await stage.play([hangs], ECHO)
    start = stage.starting()
    await reached(lambda: stage.state == "Initializing")
    client = await connect(stage)
    await client.send(NEXT)
    await start
    call = stage.invoking()
    await client.read()
    return client, call


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff" * 100,
        b"HELO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nContent-Length: nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\njunk",
        b"GET / HTTP/1.1\r\nX: " + b"a" * (HEAD_BYTES * 2),
        b"GET /" + b"a" * (HEAD_BYTES * 2),
        b"".join(b"X%d: %s\r\n" % (number, b"a" * 1000) for number in range(300)).join(
            [b"GET / HTTP/1.1\r\n", b"\r\n"]
        ),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"e" * (HEAD_BYTES * 2),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: t\r\n" * HEAD_BYTES,
        b"\r\n" * HEAD_BYTES,
    ],
)
async def test_garbage_ends_the_connection_and_nothing_else(stage: Stage, garbage: bytes) -> None:
    await stage.started(ECHO)
    client = await connect(stage)

    await send_whatever_is_taken(client, garbage)

    await ends(client)
    await still_serves(stage)


async def send_whatever_is_taken(client: RawClient, data: bytes) -> None:
    try:
        await client.send(data)
    except ConnectionError:
        return


async def ends(client: RawClient) -> None:
    """The server closes the connection, with or without a last reply."""
    async with asyncio.timeout(20):
        while not await client.at_end():
            pass


async def test_a_flood_of_pipelined_requests_ends_the_connection(stage: Stage) -> None:
    await stage.started(ECHO)
    client = await connect(stage)

    await send_whatever_is_taken(client, PING * 10_000)

    await ends(client)
    await still_serves(stage)


async def test_a_few_pipelined_requests_are_answered_in_order(stage: Stage) -> None:
    await stage.started(ECHO)
    client = await connect(stage)

    await client.send(PING + b"GET /nothing HTTP/1.1\r\n\r\n" + PING)
    replies = [await client.read() for _ in range(3)]

    assert [reply.status for reply in replies] == [200, 404, 200]


async def test_a_request_behind_one_that_waits_ends_the_connection(stage: Stage) -> None:
    await stage.play([hangs], ECHO)
    start = stage.starting()
    await reached(lambda: stage.state == "Initializing")
    client = await connect(stage)

    await send_whatever_is_taken(client, NEXT + PING)

    await ends(client)
    assert (await start).init_ok


async def test_connections_are_few(stage: Stage) -> None:
    await stage.started(ECHO)
    clients = [await connect(stage) for _ in range(CONNECTIONS + 10)]

    outcomes = [await is_served(client) for client in clients]

    assert sum(outcomes) == CONNECTIONS - 1  # the scripted runtime has one
    await still_serves(stage)


async def is_served(client: RawClient) -> bool:
    try:
        await client.send(PING)
        return (await client.read()).status == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def test_connections_come_back_when_others_leave(stage: Stage) -> None:
    await stage.started(ECHO)
    for client in [await connect(stage) for _ in range(CONNECTIONS - 1)]:
        await is_served(client)
        client.close()
    fresh: list[RawClient] = []

    async def one_is_served() -> bool:
        fresh.append(await connect(stage))
        return await is_served(fresh[-1])

    async with asyncio.timeout(20):
        while not await one_is_served():
            pass


async def test_a_guest_that_asks_without_end_is_slowed_down_and_an_invocation_restores_it(stage: Stage) -> None:
    await stage.started(ECHO)
    client = await connect(stage)
    for _ in range(CREDIT):
        await client.request("GET", "/2018-06-01/ping")
    await client.send(PING)
    slowed = asyncio.create_task(client.read())

    await still_serves(stage)

    assert (await slowed).status == 200
    assert (await client.request("GET", "/2018-06-01/ping")).status == 200


async def test_slow_senders_wait_for_nobody_but_themselves(stage: Stage) -> None:
    await stage.started(ECHO)
    clients = [await connect(stage) for _ in range(10)]

    for byte in PING[:10]:
        for client in clients:
            await client.send(bytes([byte]))

    await still_serves(stage)


async def test_a_body_without_end_is_not_kept(stage: Stage) -> None:
    client, call = await a_running_client(stage)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    await client.send(ANSWER + b"Transfer-Encoding: chunked\r\n\r\n")
    piece = b"%x\r\n%s\r\n" % (1 << 20, os.urandom(1 << 20))
    for _ in range(200):
        await client.send(piece)
    await client.send(b"0\r\n\r\n")
    reply = await client.read()

    assert reply.status == 413
    assert json.loads((await call).payload)["errorType"] == "Function.ResponseSizeTooLarge"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kilobytes; 200 MB were sent


async def test_a_body_in_a_million_pieces_takes_no_more_than_its_size(stage: Stage) -> None:
    client, call = await a_running_client(stage)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    await client.send(ANSWER + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        await client.send(b"1\r\nx\r\n" * 10_000)
    await client.send(b"0\r\n\r\n")

    assert len((await call).payload) == 1_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


async def test_only_the_newest_of_several_answers_under_way_is_kept(stage: Stage) -> None:
    await stage.play([hangs], ECHO)
    start = stage.starting()
    await reached(lambda: stage.state == "Initializing")
    clients = [await connect(stage) for _ in range(5)]
    await clients[0].send(NEXT)
    await start
    call = stage.invoking()
    await clients[0].read()
    for client in clients:
        await client.send(ANSWER + b"Content-Length: %d\r\n\r\n" % RESPONSE_PAYLOAD_BYTES)
        await client.send(b"x" * (RESPONSE_PAYLOAD_BYTES - 1))

    await clients[0].send(b"x")
    superseded = await clients[0].read()
    await clients[4].send(b"x")
    kept = await clients[4].read()

    assert (superseded.status, json.loads(superseded.body)["errorType"]) == (400, "TruncatedHTTPRequest")
    assert kept.status == 202
    assert len((await call).payload) == RESPONSE_PAYLOAD_BYTES


async def test_a_body_that_can_have_no_effect_is_read_and_forgotten(stage: Stage) -> None:
    await stage.started(ECHO)
    client = await connect(stage)

    reply = await client.request("POST", "/2018-06-01/runtime/invocation/unknown/response", b"x" * 20_000_000)

    assert reply.status == 400
    await still_serves(stage)


async def test_a_peer_that_never_reads_holds_no_more_than_its_event(stage: Stage) -> None:
    await stage.play([hangs], ECHO)
    start = stage.starting()
    await reached(lambda: stage.state == "Initializing")
    deaf = await connect(stage)
    await deaf.send(NEXT)
    await start
    call = stage.invoking(payload=b"x" * 6_000_000)

    await stage.timer_runs_out(3)
    result = await call

    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
    assert stage.state == "Cold"


async def test_what_a_dead_process_sent_has_no_effect_on_the_next(stage: Stage) -> None:
    await stage.play([hangs], ECHO)
    start = stage.starting()
    await reached(lambda: stage.state == "Initializing")
    stale = await connect(stage)
    await stale.request("GET", "/2018-06-01/ping")
    stage.timers.advance(10)
    await start
    await reached(lambda: stage.state == "Cold")

    await still_serves(stage)

    await ends(stale)

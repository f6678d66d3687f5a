"""Both clients against servers that close, lie, stall or are somebody else's; and what is sent twice, and what never."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from raylambda.sdk import AnswerLate, AnswerNotUnderstood, Client, ClientError, LambdaApiError, PlatformUnreachable
from raylambda.sdk.async_client import AsyncClient
from tests.contract.awaited_client import awaited_client
from tests.waiting import reached, until

pytestmark = pytest.mark.anyio

ANSWER = b"HTTP/1.1 200 OK\r\nx-amzn-requestid: r\r\ncontent-length: 4\r\n\r\nnull"
STATUS = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"nodes":1}'

Play = Callable[["Wire"], None]


@dataclass
class Wire:
    """The server's end of one connection."""

    socket: socket.socket
    requests: list[bytes]

    def request(self) -> bytes:
        """Read one request to its end, and remember it; empty when the client closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += (more := self.socket.recv(65_536))
            if not more:
                return b""
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self.socket.recv(65_536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


@dataclass
class Server:
    """Plays one script for each connection, the last one for all that follow."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: int = 0


@contextmanager
def serving(*plays: Play) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def serve() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            play = plays[min(server.connections, len(plays) - 1)]
            server.connections += 1
            threading.Thread(target=run, args=(play, connected), daemon=True).start()

    def run(play: Play, connected: socket.socket) -> None:
        try:
            play(Wire(connected, server.requests))
        except OSError:
            return  # the client went away, as some tests want
        finally:
            connected.close()
            server.ended += 1

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture(params=["blocking", "asynchronous"])
def connect(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a client of a server, a context manager."""
    kind = Client if request.param == "blocking" else awaited_client
    return lambda server, **more: kind(server.url, "AKID", "secret", "us-east-1", **more)


def once(answer: bytes) -> Play:
    """Answer one request, then close."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.say(answer)

    return play


def always(answer: bytes) -> Play:
    def play(wire: Wire) -> None:
        while wire.request():
            wire.say(answer)

    return play


def and_stall(answer: bytes) -> Play:
    """Say something and then nothing, until the client gives up."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.say(answer)
        wire.socket.recv(1)

    return play


def without_end(piece: bytes, head: bytes) -> Play:
    def play(wire: Wire) -> None:
        wire.request()
        wire.say(head)
        while True:
            wire.say(piece)

    return play


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "play",
    [
        once(b""),
        once(b"\r\n\r\n"),
        once(b"SSH-2.0-OpenSSH_9.2\r\n"),
        once(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9),
        once(b"HTTP/1.1 200 OK\r\n"),
        once(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"),
        once(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}"),
        once(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"),
        once(b"HTTP/1.1 999999 What\r\n\r\n"),
        once(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        once(CHUNKED + b"2\r\n{}\r\n"),
        once(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
        once(CHUNKED + b"ffffffffffffffffffff\r\n{}"),
        without_end(b"x-header: y\r\n", b"HTTP/1.1 200 OK\r\n"),
        without_end(b"x" * 65_536, b"HTTP/1.1 200 OK\r\nx: "),
        without_end(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, b"HTTP/1.1 1"),
        without_end(b"10000\r\n" + b" " * 65_536 + b"\r\n", CHUNKED),
        without_end(b" " * 65_536, b"HTTP/1.1 200 OK\r\n\r\n"),
        Wire.reset,
    ],
)
def test_what_is_no_whole_answer_is_one_error_and_never_waited_for(connect: Any, play: Play) -> None:
    with serving(play) as server, connect(server, timeout_s=60) as client:
        with pytest.raises(PlatformUnreachable, match=r"no answer from http://127\.0\.0\.1:") as failed:
            client.invoke("hello")

        until(lambda: server.ended == server.connections == 1, 30)  # the connection is not kept either
    assert "\n" not in str(failed.value)
    assert not isinstance(failed.value, AnswerLate)
    assert len(str(failed.value)) < 400


@pytest.mark.parametrize(
    "play",
    [and_stall(b""), and_stall(b"HTTP/1.1 200 OK\r\n"), and_stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnu")],
)
def test_a_server_that_never_finishes_costs_the_time_given_and_no_more(connect: Any, play: Play) -> None:
    with serving(play) as server, connect(server) as client:
        with pytest.raises(AnswerLate, match=r"within 0\.2 s; what was asked for may have been done, or may go on"):
            client.invoke("hello", timeout_s=0.2)

        until(lambda: server.ended == 1, 30)


async def test_who_reads_a_log_slowly_is_not_cancelled_in_other_work_when_the_time_is_over() -> None:
    record = b'{"time": 1, "stream": "s", "message": "m"}\n'
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(record) + 10)

    with serving(and_stall(head + record)) as server:
        async with AsyncClient(server.url, "AKID", "secret", "us-east-1", timeout_s=0.1) as client:
            records = client.logs("hello")
            first = await anext(records)
            over = asyncio.get_running_loop().time() + 0.2
            await reached(
                lambda: asyncio.get_running_loop().time() > over
            )  # other work: nothing of the client's may end it

            with pytest.raises(AnswerLate):
                await anext(records)

    assert first.message == "m"


def test_a_drip_of_bytes_does_not_stretch_the_time(connect: Any) -> None:
    def drip(wire: Wire) -> None:
        wire.request()
        wire.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        wire.socket.settimeout(0.05)
        while True:
            try:
                if not wire.socket.recv(1):
                    return
            except TimeoutError:
                wire.say(b" ")

    with serving(drip) as server, connect(server, timeout_s=0.3) as client, pytest.raises(AnswerLate):
        client.status()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>It works!</html>",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b'{"Configuration": []}',
        b'{"Configuration": {}}',
        b'{"Configuration": {"FunctionName": "a", "FunctionArn": "b"}, "Code": 7}',
        b"[" * 200_000,
    ],
)
def test_somebody_elses_server_is_noticed(connect: Any, body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    with (
        serving(once(answer)) as server,
        connect(server) as client,
        pytest.raises(AnswerNotUnderstood, match="is the endpoint right"),
    ):
        client.get_function("hello")


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>", "HTTP502", "no reason was given"),
        (
            b"HTTP/1.1 301 Moved\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n",
            "HTTP301",
            "no reason was given",
        ),
        (b'HTTP/1.1 404 No\r\nx-amzn-errortype: A:b\r\ncontent-length: 17\r\n\r\n{"Message":"gone"}'[:-1], "A", ""),
        (b'HTTP/1.1 500 No\r\ncontent-length: 14\r\n\r\n{"message":[1]}'[:-1], "HTTP500", "no reason was given"),
    ],
)
def test_error_answers_of_any_kind_have_a_code(connect: Any, answer: bytes, code: str, message: str) -> None:
    with serving(once(answer)) as server, connect(server) as client, pytest.raises(LambdaApiError) as refused:
        client.get_function("hello")

    assert refused.value.code == code
    assert message in refused.value.message


def test_connections_are_kept(connect: Any) -> None:
    with serving(always(STATUS)) as server, connect(server) as client:
        for _ in range(20):
            client.status()

        assert server.connections == 1


def test_an_answer_that_asks_for_the_end_ends_the_connection(connect: Any) -> None:
    answer = STATUS.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")

    with serving(always(answer)) as server, connect(server) as client:
        for _ in range(3):
            client.status()

        assert server.connections == 3


def test_what_a_server_says_unasked_is_nobodys_answer(connect: Any) -> None:
    answered, said = threading.Event(), threading.Event()

    def twice(wire: Wire) -> None:
        wire.request()
        wire.say(STATUS)
        answered.wait(30)
        wire.say(STATUS.replace(b"1}", b"2}"))
        said.set()
        wire.socket.recv(1)

    with serving(twice, always(STATUS)) as server, connect(server) as client:
        client.status()
        answered.set()
        said.wait(30)
        answers = [client.status()["nodes"] for _ in range(3)]

    assert answers == [1, 1, 1]


def test_a_connection_that_the_server_closed_while_idle_is_not_used(connect: Any) -> None:
    with serving(once(ANSWER)) as server, connect(server) as client:
        for number in range(3):
            client.invoke("hello", number)
            until(lambda: server.ended == server.connections, 30)

    assert [request.rpartition(b"\r\n\r\n")[2] for request in server.requests] == [b"0", b"1", b"2"]


def closes_at_the_second_request(wire: Wire) -> None:
    """As a server does that closes an idle connection just when the next request is on its way."""
    wire.request()
    wire.say(ANSWER if b"/invocations" in wire.requests[-1] else STATUS)
    wire.request()


def test_an_invocation_that_may_have_run_is_never_sent_again(connect: Any) -> None:
    with serving(closes_at_the_second_request, always(ANSWER)) as server, connect(server) as client:
        client.invoke("hello", 1)
        with pytest.raises(PlatformUnreachable, match="before an answer came; what was asked for may have been done"):
            client.invoke("hello", 2)

        assert server.connections == 1
    assert [request.rpartition(b"\r\n\r\n")[2] for request in server.requests] == [b"1", b"2"]


def test_what_only_reads_is_asked_again_on_a_new_connection(connect: Any) -> None:
    with serving(closes_at_the_second_request, always(STATUS)) as server, connect(server) as client:
        assert [client.status(), client.status()] == [{"nodes": 1}] * 2

    assert len(server.requests) == 3


def test_a_new_connection_is_tried_once(connect: Any) -> None:
    with serving(once(b"")) as server, connect(server) as client:
        with pytest.raises(PlatformUnreachable, match="the connection was closed before an answer came"):
            client.status()

        assert server.connections == 1


def cuts_the_second_request(wire: Wire) -> None:
    wire.request()
    wire.say(ANSWER)
    wire.socket.recv(1)
    wire.reset()


LARGE = b'"' + b"x" * 30_000_000 + b'"'  # more than the buffers between the two hold


def test_an_invocation_that_did_not_go_out_whole_is_sent_again(connect: Any) -> None:
    with serving(cuts_the_second_request, always(ANSWER)) as server, connect(server) as client:
        client.invoke("hello", 1)
        client.invoke("hello", LARGE)

    assert [len(request.rpartition(b"\r\n\r\n")[2]) for request in server.requests] == [1, len(LARGE)]


def test_a_refusal_before_the_request_is_whole_is_heard(connect: Any) -> None:
    def refuse(wire: Wire) -> None:
        wire.socket.recv(1)
        wire.say(b"HTTP/1.1 413 Too Large\r\nx-amzn-errortype: RequestTooLargeException\r\ncontent-length: 0\r\n\r\n")
        wire.socket.shutdown(socket.SHUT_WR)
        while wire.socket.recv(1_000_000):
            pass

    with serving(refuse) as server, connect(server) as client, pytest.raises(LambdaApiError) as refused:
        client.invoke("hello", LARGE)

    assert refused.value.status == 413


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n{}\n[]\n", CHUNKED + b"4\r\nnull\r\n1\r\n\n\r\n0\r\n\r\n"]
)
def test_lines_of_somebody_else_are_no_log(connect: Any, answer: bytes) -> None:
    with (
        serving(once(answer)) as server,
        connect(server) as client,
        pytest.raises(AnswerNotUnderstood, match="line of the log"),
    ):
        list(client.logs("hello"))


def test_a_log_that_breaks_off_says_so(connect: Any) -> None:
    line = b'{"time": 1, "stream": "s", "message": "m"}\n'

    with serving(once(CHUNKED + b"%x\r\n%s\r\n" % (len(line), line))) as server, connect(server) as client:
        records = client.logs("hello")
        assert next(records).message == "m"
        with pytest.raises(PlatformUnreachable, match="not a whole answer"):
            next(records)


def test_nobody_listens(connect: Any) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and does not listen
        server = Server(f"http://127.0.0.1:{taken.getsockname()[1]}")

        with connect(server) as client, pytest.raises(PlatformUnreachable, match="refused") as failed:
            client.invoke("hello")

    assert "may have been done" not in str(failed.value)


def test_tls_that_is_none_is_one_line(connect: Any) -> None:
    with serving(always(STATUS)) as server:
        server.url = server.url.replace("http:", "https:")
        with connect(server) as client, pytest.raises(PlatformUnreachable) as failed:
            client.status()

    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("name", ["a\r\nx: y", "../../etc", "a b", "\u20ac", "%2e%2e", ""])
def test_a_name_stays_one_label_of_the_path(connect: Any, name: str) -> None:
    with serving(always(ANSWER)) as server, connect(server) as client:
        client.invoke(name)

    assert server.requests[0].splitlines()[0].count(b"/") == 5  # four of the path, one of HTTP/1.1


def test_a_word_that_no_header_can_carry_is_refused(connect: Any) -> None:
    with (
        serving(always(ANSWER)) as server,
        connect(server) as client,
        pytest.raises(ClientError, match="the request cannot be sent"),
    ):
        client.invoke("hello", invocation_type="Event\r\nx: y")

    assert server.requests == []


def test_a_forked_process_does_not_take_its_parents_connection() -> None:
    with serving(always(STATUS)) as server, Client(server.url, "AKID", "secret", "us-east-1") as client:
        client.status()
        if (child := os.fork()) == 0:
            os._exit(0 if client.status() == {"nodes": 1} else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        client.status()

        assert server.connections == 2
